#!lua flags=no-writes
-- Merges the due lists of teams. Store.Page documents the arguments and the reply.
local score, id, most, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local chunk = 16

-- start is the rank of the first entry after the place. Entries with one score are in the order of their ids.
local function start(key)
  if score == '' then
    return 0
  end
  local low = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  local high = redis.call('ZCOUNT', key, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if redis.call('ZRANGE', key, middle, middle)[1] <= id then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- fill gives a list its next entries: pairs of id and score.
local function fill(list)
  list.entries = redis.call('ZRANGE', list.key, list.rank, list.rank + chunk - 1, 'WITHSCORES')
  list.rank, list.at = list.rank + chunk, 1
end

local lists = {}
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'zset' and kind ~= 'none' then
    return {'broken', key, 'is a ' .. kind .. ', not a zset'}
  end
  local list = {key = key, rank = start(key)}
  fill(list)
  if list.entries[1] then
    lists[#lists + 1] = list
  end
end

local reply = {'page'}
while #reply < 1 + 2 * limit and #lists > 0 do
  local first
  for i, list in ipairs(lists) do
    local s, entry = tonumber(list.entries[list.at + 1]), list.entries[list.at]
    if not first or s < first.score or s == first.score and entry < first.id then
      first = {number = i, score = s, id = entry}
    end
  end
  if most and first.score >= most then
    break
  end
  local list = lists[first.number]
  reply[#reply + 1] = first.id
  reply[#reply + 1] = list.entries[list.at + 1]
  list.at = list.at + 2
  if not list.entries[list.at] then
    fill(list)
    if not list.entries[1] then
      table.remove(lists, first.number)
    end
  end
end
return reply
