-- Notes the newest message of a log that many read, and forgets logs whose newest has expired.
--
-- KEYS 1 the fleet's shared logs: a JSON object of log to [number, when it expires]
-- ARGV 1 log, 2 number, 3 when it expires, 4 now (both epoch ms), 5 how many logs are kept, 6 lifetime in seconds
--
--   noted of this log     | answer | written
--   ----------------------+--------+---------------------------------------------
--   a number as high      | 0      | nothing
--   any other, or nothing | 1      | this one; past the limit, the first to expire goes
--
-- Replay: finds its own number.

local logsKey = KEYS[1]
local log, number, expiresAtMs, nowMs = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local limit, lifetimeS = tonumber(ARGV[5]), ARGV[6]

local function isEntry(entry)
  return type(entry) == "table" and type(entry[1]) == "number" and type(entry[2]) == "number"
end

local text = redis.call("GET", logsKey)
local decoded, stored = false, nil
if text then
  decoded, stored = pcall(cjson.decode, text)
end
if not decoded or type(stored) ~= "table" then
  stored = {}
end
if isEntry(stored[log]) and stored[log][1] >= number then
  return 0
end

local kept, count = { [log] = { number, expiresAtMs } }, 1
for name, entry in pairs(stored) do
  if type(name) == "string" and name ~= log and isEntry(entry) and entry[2] > nowMs then
    kept[name] = entry
    count = count + 1
  end
end
while count > limit do
  local first = nil
  for name, entry in pairs(kept) do
    if name ~= log and (not first or entry[2] < kept[first][2] or (entry[2] == kept[first][2] and name < first)) then
      first = name
    end
  end
  kept[first] = nil
  count = count - 1
end
redis.call("SET", logsKey, cjson.encode(kept), "EX", lifetimeS)
return 1
