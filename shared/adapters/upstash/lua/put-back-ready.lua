-- Returns a taken task to its ready queue.
--
-- KEYS 1 all takes by expiry, 2 the queue, 3 the fleet's non-empty queues, 4 the waiting fleets
-- ARGV 1 the take as a member of KEYS 1, 2 task, 3 its order, 4 the queue's requirements, 5 fleet
--
--   take      | answer | changed
--   ----------+--------+--------
--   is there  | 1      | queued again, unless it is already
--   is gone   | 0      | nothing
--
-- Replay: finds nothing taken.

local takesKey, queueKey, queuesKey, waitingKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local take, taskId, order, wordSet, fleet = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

if redis.call("ZREM", takesKey, take) == 0 then
  return 0
end
redis.call("ZADD", queueKey, "NX", order, taskId)
redis.call("SADD", queuesKey, wordSet)
redis.call("SADD", waitingKey, fleet)
return 1
