#!lua
-- Adds to the counts of a day, unless one has reached its most. Store.Count documents the arguments and replies.
local key, once, keep = KEYS[1], ARGV[1], ARGV[2]

local kind = redis.call('TYPE', key).ok
if kind ~= 'none' and kind ~= 'hash' then
  return {'broken', key, 'is a ' .. kind .. ', not a hash'}
end
if once ~= '' and redis.call('HGET', key, once) then
  return {'counted'}
end
for i = 3, #ARGV, 2 do
  local counted = redis.call('HGET', key, ARGV[i]) or '0'
  if not (string.match(counted, '^%d+$') and #counted < 18) then
    return {'broken', key, 'field ' .. ARGV[i] .. ' is not a count'}
  end
  if tonumber(counted) >= tonumber(ARGV[i + 1]) then
    return {'full', tostring((i - 1) / 2)}
  end
end
if once == '' then
  return {'counted'}
end

-- The rights first: Redis does not undo a script that is refused halfway.
for _, command in ipairs({{'HSET', key, 'f', 'v'}, {'HINCRBY', key, 'f', 1}, {'EXPIRE', key, keep}}) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not ' .. command[1] .. ' ' .. key)
  end
end
local added = {} -- so that it can be taken back
for i = 3, #ARGV, 2 do
  redis.call('HINCRBY', key, ARGV[i], 1)
  table.insert(added, ARGV[i])
end
redis.call('HSET', key, once, table.concat(added, ' '))
redis.call('EXPIRE', key, keep)
return {'counted'}
