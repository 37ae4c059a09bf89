-- Replaces a JSON document by one of a higher rev.
--
-- KEYS 1 the document
-- ARGV 1 rev, 2 document, 3 lifetime in seconds
--
--   stored document          | answer | written
--   -------------------------+--------+--------
--   of a rev as high         | 0      | no
--   any other, or none       | 1      | yes
--
-- Replay: finds its own rev and keeps it.

local documentKey = KEYS[1]
local rev, document, lifetimeS = tonumber(ARGV[1]), ARGV[2], ARGV[3]

local text = redis.call("GET", documentKey)
if text then
  local decoded, stored = pcall(cjson.decode, text)
  if decoded and type(stored) == "table" and type(stored.rev) == "number" and stored.rev >= rev then
    return 0
  end
end
redis.call("SET", documentKey, document, "EX", lifetimeS)
return 1
