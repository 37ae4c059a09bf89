-- Replaces a session's desired document by a higher rev, and files the session under its capabilities as long
-- as it has room.
--
-- KEYS 1 the document, 2 the fleet's sets of capabilities, 3 the room of the session's capabilities,
--      4 (optional) the room of those it had before
-- ARGV 1 rev, 2 document, 3 session, 4 load ("" without room), 5 lifetime in seconds of a document whose session is
--      over, 6 whether this one is ("1"), 7 capabilities, 8 (with KEYS 4) those it had before
--
--   stored document        | answer                              | written
--   -----------------------+-------------------------------------+--------
--   none, or not decodable | {"kind":"written"}                  | yes
--   rev as high or higher  | {"kind":"kept"}                     | no
--   of undeclared room     | {"kind":"undeclared","wordSet":...} | no: repeat with that room declared
--   of this load and room  | {"kind":"written"}                  | the document alone
--   any other              | {"kind":"written"}                  | yes
--
-- Most publications replace the document, so it is read and written by one command; what must stay is put back.
-- Replay: finds its own rev and keeps it.

local documentKey, roomsKey, roomKey, formerRoomKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local rev, document, session, load, lifetimeS, isOver =
  tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == "1"
local wordSet, formerWordSet = ARGV[7], ARGV[8]

local function leave(key, words)
  if redis.call("ZREM", key, session) == 1 and redis.call("EXISTS", key) == 0 then
    redis.call("SREM", roomsKey, words)
  end
end

local function exchange(text, over)
  if over then
    return redis.call("SET", documentKey, text, "EX", lifetimeS, "GET")
  end
  return redis.call("SET", documentKey, text, "GET")
end

local text = exchange(document, isOver)
if text then
  local decoded, stored = pcall(cjson.decode, text)
  if decoded and type(stored) == "table" and type(stored.rev) == "number" and type(stored.wordSet) == "string" then
    local wasOver = stored.state == "crashed" or stored.state == "ended"
    if stored.rev >= rev then
      exchange(text, wasOver)
      return cjson.encode({ kind = "kept" })
    end
    if stored.wordSet ~= wordSet and stored.wordSet ~= formerWordSet then
      exchange(text, wasOver)
      return cjson.encode({ kind = "undeclared", wordSet = stored.wordSet })
    end
    if stored.wordSet == wordSet and stored.load == load then
      return cjson.encode({ kind = "written" })
    end
  end
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
