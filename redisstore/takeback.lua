#!lua
-- Takes an addition to the counts of a day back. Store.TakeBack documents the arguments and replies.
local key, once = KEYS[1], ARGV[1]

local kind = redis.call('TYPE', key).ok
if kind ~= 'none' and kind ~= 'hash' then
  return {'broken', key, 'is a ' .. kind .. ', not a hash'}
end
local added = redis.call('HGET', key, once)
if not added then
  return {'taken_back'}
end
local fields = {}
for field in string.gmatch(added, '%S+') do
  local counted = redis.call('HGET', key, field)
  if counted and not (string.match(counted, '^%d+$') and #counted < 18) then
    return {'broken', key, 'field ' .. field .. ' is not a count'}
  end
  if counted and tonumber(counted) > 0 then
    table.insert(fields, field)
  end
end

-- The rights first: Redis does not undo a script that is refused halfway.
for _, command in ipairs({{'HINCRBY', key, 'f', 1}, {'HDEL', key, 'f'}}) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not ' .. command[1] .. ' ' .. key)
  end
end
for _, field in ipairs(fields) do
  redis.call('HINCRBY', key, field, -1)
end
redis.call('HDEL', key, once)
return {'taken_back'}
