#!lua
-- Removes a leased notification, or puts it off. Outbox.settle documents the arguments and replies.
local items, due, ages, lanes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, ends, text, after, lane = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

for key, want in pairs({[items] = 'hash', [due] = 'zset', [ages] = 'zset', [lanes] = 'set'}) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= want then
    return {'broken', key, 'is a ' .. kind .. ', not a ' .. want}
  end
end
local ours = false
for _, leased in ipairs(redis.call('ZRANGE', due, ends, ends, 'BYSCORE')) do
  ours = ours or leased == id
end
if not ours then
  return {'lapsed'}
end
for _, command in ipairs({{'HSET', items, 'f', 'v'}, {'HDEL', items, 'f'}, {'ZREM', due, 'm'}, {'SREM', lanes, 'm'}}) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not ' .. command[1] .. ' ' .. command[2])
  end
end
if text ~= '' then
  local time = redis.call('TIME')
  redis.call('HSET', items, id, text)
  redis.call('ZADD', due, string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + after), id)
  return {'done'}
end
redis.call('HDEL', items, id)
redis.call('ZREM', due, id)
redis.call('ZREM', ages, id)
if redis.call('ZCARD', due) == 0 then
  redis.call('SREM', lanes, lane)
end
return {'done'}
