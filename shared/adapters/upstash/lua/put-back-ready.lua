-- Returns a taken task to its ready queue.
--
-- KEYS 1 the fleet's taken tasks, 2 all takes by expiry, 3 the fleet's non-empty queues, 4 the waiting fleets,
--      5 the queue the task came from
-- ARGV 1 fleet, 2 request, 3 the take as a member of KEYS 2, 4 the queue's requirements
--
--   taken by this request    | answer                              | changed
--   -------------------------+-------------------------------------+--------
--   nothing, or not decodable| {"kind":"gone"}                     | the take is forgotten
--   a task of another queue  | {"kind":"undeclared","wordSet":...} | nothing: repeat with that queue declared
--   a task of this queue     | {"kind":"back"}                     | queued again, unless it is already
--
-- Replay: finds nothing taken.

local takenKey, takesKey, queuesKey, waitingKey, queueKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local fleet, request, take, wordSet = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local text = redis.call("HGET", takenKey, request)
local decoded, task = false, nil
if text then
  decoded, task = pcall(cjson.decode, text)
end
if not decoded or type(task) ~= "table" or not tonumber(task.order)
  or type(task.taskId) ~= "string" or type(task.wordSet) ~= "string" then
  redis.call("HDEL", takenKey, request)
  redis.call("ZREM", takesKey, take)
  return cjson.encode({ kind = "gone" })
end
if task.wordSet ~= wordSet then
  return cjson.encode({ kind = "undeclared", wordSet = task.wordSet })
end

redis.call("ZADD", queueKey, "NX", task.order, task.taskId)
redis.call("SADD", queuesKey, wordSet)
redis.call("SADD", waitingKey, fleet)
redis.call("HDEL", takenKey, request)
redis.call("ZREM", takesKey, take)
return cjson.encode({ kind = "back" })
