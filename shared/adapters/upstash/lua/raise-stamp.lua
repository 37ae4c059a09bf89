-- Raises the stamp that a tick leaves, unless it was lost or came back since that tick began.
--
-- KEYS 1 the stamp, a sorted set of one member
-- ARGV 1 its member, 2 the tick's time, 3 the stamp that the tick found or left, 4 the time of the tick before it
--
--   stamp                          | answer | written
--   -------------------------------+--------+---------------
--   none                           | 0      | no
--   as found, or of a later tick   | 1      | if this raises
--   any other: one that came back  | 0      | no
--
-- Looking and raising are one, because a fail-over between them would be covered up.
-- Replay: finds its own time, which is later than the tick before.

local stampKey, member = KEYS[1], ARGV[1]
local nowMs, foundMs, previousMs = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local stampMs = tonumber(redis.call("ZSCORE", stampKey, member) or "")
if not stampMs or (stampMs ~= foundMs and stampMs <= previousMs) then
  return 0
end
if nowMs > stampMs then
  redis.call("ZADD", stampKey, ARGV[2], member)
end
return 1
