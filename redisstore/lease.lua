#!lua
-- Leases the notification of a lane that is due first. Outbox.Lease documents the arguments and replies.
local items, due, hold = KEYS[1], KEYS[2], tonumber(ARGV[1])

for key, want in pairs({[items] = 'hash', [due] = 'zset'}) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= want then
    return {'broken', key, 'is a ' .. kind .. ', not a ' .. want}
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local first = redis.call('ZRANGE', due, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, 1)
if #first == 0 then
  return {'none'}
end
local ends = string.format('%.0f', now + hold)
redis.call('ZADD', due, ends, first[1])
return {'leased', first[1], ends, redis.call('HGET', items, first[1]) or ''}
