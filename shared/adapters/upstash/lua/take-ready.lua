-- Moves the first task among some ready queues to the taken ones. What lists the queues stays as it is: asking for
-- the fleet's heads drops those that are empty.
--
-- KEYS 1 all takes by expiry, 2.. the queues
-- ARGV 1 what the take's name begins with, 2 expiry in ms, 3.. the queues' requirements
--
--   queues       | answer                                                  | changed
--   -------------+---------------------------------------------------------+--------
--   all empty    | nil                                                     | nothing
--   one not empty| the take's name, `...:order:task:requirements`, of the  | moved
--                | lowest order, of the first queue among equals           |
--
-- Replay: takes the next task; what was taken first comes back when its take expires. To know the request again would
-- cost every take two commands.

local takesKey = KEYS[1]
local prefix, untilMs = ARGV[1], ARGV[2]

local first
if #KEYS == 2 then
  local popped = redis.call("ZPOPMIN", KEYS[2])
  if popped[1] then
    first = { place = 2, taskId = popped[1], order = popped[2] }
  end
else
  for place = 2, #KEYS do
    local heads = redis.call("ZRANGE", KEYS[place], 0, 0, "WITHSCORES")
    if heads[1] and (not first or tonumber(heads[2]) < tonumber(first.order)) then
      first = { place = place, taskId = heads[1], order = heads[2] }
    end
  end
  if first then
    redis.call("ZREM", KEYS[first.place], first.taskId)
  end
end
if not first then
  return false
end

local take = table.concat({ prefix, first.order, first.taskId, ARGV[first.place + 1] }, ":")
redis.call("ZADD", takesKey, untilMs, take)
return take
