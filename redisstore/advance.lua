-- Adds the next event to a note, if the note is still at the version that the event follows. Store.Advance documents
-- its arguments and replies. It follows common.lua.
local event, follows, hold, mode = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local changes, gone, fields = cjson.decode(ARGV[5]), cjson.decode(ARGV[6]), tonumber(ARGV[7])

local trouble = wrong(KEYS[1], 'hash') or wrong(KEYS[2], 'stream')
if trouble then
  return trouble
end
local standing = redis.call('HMGET', KEYS[1], 'ver', 'log', 'lease')
if not standing[1] then
  return {'none'}
end
local ver, history, lease = tonumber(standing[1]), words(standing[2]), tonumber(standing[3] or 0)
if not ver then
  return {'broken', KEYS[1], 'field ver is not a count'}
end
if not lease then
  return {'broken', KEYS[1], 'field lease is not a time'}
end
if ver ~= follows then
  local entry = history[#history - (ver - follows - 1)] -- where our event stands if it was stored before
  local stored = entry and redis.call('XRANGE', KEYS[2], entry, entry)
  for i, text in ipairs(stored and stored[1] and stored[1][2] or {}) do
    if text == 'event_id' and stored[1][2][i + 1] == event then
      return {'done'}
    end
  end
  return {'stale', tostring(ver)}
end
for _, entry in ipairs(mode == 'purge' and history or {}) do
  local ms, nth = string.match(entry, '^(%d+)%-(%d+)$')
  if not ms or #ms > 19 or #nth > 19 then
    return {'broken', KEYS[1], 'field log does not hold ids of the log'}
  end
end
trouble = check(changes, 'XDEL')
if trouble then
  return trouble
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if mode == 'lapse' and lease > now then
  return {'held', string.format('%.0f', lease)}
end
local until_ = string.format('%.0f', now + hold)

local entry
if hold > 0 then
  entry = redis.call('XADD', KEYS[2], '*', 'until', until_, unpack(ARGV, 8 + fields))
else
  entry = redis.call('XADD', KEYS[2], '*', unpack(ARGV, 8 + fields))
end
if mode == 'purge' then
  for _, old in ipairs(history) do
    redis.call('XDEL', KEYS[2], old)
  end
  history = {}
end
table.insert(history, entry)
redis.call('HSET', KEYS[1], 'log', table.concat(history, ' '), unpack(ARGV, 8, 7 + fields))
if hold > 0 then
  redis.call('HSET', KEYS[1], 'lease', until_)
end
if #gone > 0 then
  redis.call('HDEL', KEYS[1], unpack(gone))
end
apply(changes, hold > 0 and until_ or '0')
return {'advanced', hold > 0 and until_ or ''}
