-- Moves the first task among some ready queues to the taken ones.
--
-- KEYS 1 the fleet's taken tasks, 2 all takes by expiry, 3 the fleet's non-empty queues, 4 the waiting fleets,
--      5.. the queues
-- ARGV 1 fleet, 2 request, 3 the take as a member of KEYS 2, 4 expiry in ms, 5.. the queues' requirements
--
--   this request | queues       | answer                                           | changed
--   -------------+--------------+--------------------------------------------------+--------
--   took a task  | any          | that task                                        | nothing
--   took none    | all empty    | nil                                              | nothing
--   took none    | one not empty| {"taskId":...,"wordSet":...,"order":"..."}, the  | moved
--                |              | lowest order, the first queue among equals       |
--
-- The order stays text, since cjson keeps only 14 digits. Replay: finds what the request took.

local takenKey, takesKey, queuesKey, waitingKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local fleet, request, take, untilMs = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local before = redis.call("HGET", takenKey, request)
if before then
  return before
end

local first
for place = 5, #KEYS do
  local heads = redis.call("ZRANGE", KEYS[place], 0, 1, "WITHSCORES")
  if heads[1] and (not first or tonumber(heads[2]) < tonumber(first.order)) then
    first = { place = place, taskId = heads[1], order = heads[2], last = heads[3] == nil }
  end
end
if not first then
  return false
end

local entry = cjson.encode({ taskId = first.taskId, wordSet = ARGV[first.place], order = first.order })
redis.call("ZREM", KEYS[first.place], first.taskId)
redis.call("HSET", takenKey, request, entry)
redis.call("ZADD", takesKey, untilMs, take)
if first.last then
  redis.call("SREM", queuesKey, ARGV[first.place])
  if redis.call("EXISTS", queuesKey) == 0 then
    redis.call("SREM", waitingKey, fleet)
  end
end
return entry
