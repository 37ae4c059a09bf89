-- Removes a task from its ready queue; an empty queue leaves the list of queues, and a fleet without queues
-- leaves the waiting ones.
--
-- KEYS 1 the queue, 2 the fleet's non-empty queues, 3 the waiting fleets
-- ARGV 1 task ("": none, only what is empty is dropped), 2 the queue's requirements, 3 fleet
--
-- Answers how many tasks were removed, 0 or 1. Replay: removes nothing more.

local queueKey, queuesKey, waitingKey = KEYS[1], KEYS[2], KEYS[3]
local taskId, wordSet, fleet = ARGV[1], ARGV[2], ARGV[3]

local removed = 0
if taskId ~= "" then
  removed = redis.call("ZREM", queueKey, taskId)
end
if redis.call("EXISTS", queueKey) == 0 then
  redis.call("SREM", queuesKey, wordSet)
  if redis.call("EXISTS", queuesKey) == 0 then
    redis.call("SREM", waitingKey, fleet)
  end
end
return removed
