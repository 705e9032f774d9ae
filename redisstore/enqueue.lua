#!lua
-- Moves a place of the outbox, and adds notifications. Outbox.Enqueue documents the arguments and replies.
local places, lanes = KEYS[1], KEYS[2]
local place, from, to, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local kinds = {'hash', 'set'}
for at = 3, #KEYS, 3 do
  kinds[at], kinds[at + 1], kinds[at + 2] = 'hash', 'zset', 'zset'
end
for at, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= kinds[at] then
    return {'broken', key, 'is a ' .. kind .. ', not a ' .. kinds[at]}
  end
end
local has = redis.call('HGET', places, place) or ''
if has == to then -- by us, and the reply was lost; or by another daemon, which added the same
  return {'done'}
end
if has ~= from then
  return {'moved'}
end
-- The rights first: Redis does not undo a script that is refused halfway.
for _, command in ipairs({
  {'HSET', places, 'f', 'v'}, {'SADD', lanes, 'm'}, {'ZADD', lanes, 1, 'm'}, {'ZCARD', lanes}, {'TIME'},
}) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not ' .. command[1] .. ' ' .. (command[2] or ''))
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {'done'}
for at = 5, #ARGV, 5 do
  local first, lane, id, text, since = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local items, due, ages = KEYS[first], KEYS[first + 1], KEYS[first + 2]
  if not redis.call('HGET', items, id) then
    if redis.call('ZCARD', due) >= most then
      table.insert(reply, id)
    else
      redis.call('HSET', items, id, text)
      redis.call('ZADD', due, string.format('%.0f', now), id)
      redis.call('ZADD', ages, since, id)
      redis.call('SADD', lanes, lane)
    end
  end
end
redis.call('HSET', places, place, to)
return reply
