-- Replaces a session's desired document by a higher rev, and files the session under its capabilities as long
-- as it has room.
--
-- KEYS 1 the document, 2 the fleet's sets of capabilities, 3 the room of the session's capabilities,
--      4 (optional) the room of those it had before
-- ARGV 1 rev, 2 document, 3 session, 4 load ("" without room), 5 lifetime in seconds ("" for none),
--      6 capabilities, 7 (with KEYS 4) those it had before
--
--   stored document        | answer                              | written
--   -----------------------+-------------------------------------+--------
--   none, or not decodable | {"kind":"written"}                  | yes
--   rev as high or higher  | {"kind":"kept"}                     | no
--   of undeclared room     | {"kind":"undeclared","wordSet":...} | no: repeat with that room declared
--   any other              | {"kind":"written"}                  | yes
--
-- Replay: finds its own rev and keeps it.

local documentKey, roomsKey, roomKey, formerRoomKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local rev, document, session, load, lifetimeS = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local wordSet, formerWordSet = ARGV[6], ARGV[7]

local function leave(key, words)
  if redis.call("ZREM", key, session) == 1 and redis.call("EXISTS", key) == 0 then
    redis.call("SREM", roomsKey, words)
  end
end

local text = redis.call("GET", documentKey)
if text then
  local decoded, stored = pcall(cjson.decode, text)
  if decoded and type(stored) == "table" and type(stored.rev) == "number" and type(stored.wordSet) == "string" then
    if stored.rev >= rev then
      return cjson.encode({ kind = "kept" })
    end
    if stored.wordSet ~= wordSet and stored.wordSet ~= formerWordSet then
      return cjson.encode({ kind = "undeclared", wordSet = stored.wordSet })
    end
  end
end

if lifetimeS == "" then
  redis.call("SET", documentKey, document)
else
  redis.call("SET", documentKey, document, "EX", lifetimeS)
end
if formerRoomKey then
  leave(formerRoomKey, formerWordSet)
end
if load == "" then
  leave(roomKey, wordSet)
elseif redis.call("ZADD", roomKey, load, session) == 1 then
  redis.call("SADD", roomsKey, wordSet)
end
return cjson.encode({ kind = "written" })
