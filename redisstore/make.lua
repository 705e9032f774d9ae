#!lua
-- Makes a note. The first line makes Redis refuse the whole script beforehand when it may not write (out of memory,
-- read-only replica, failed persistence); the checks make sure that no write can fail halfway, because Redis does not undo.
-- What goes in and comes out stands above Store.Make.
local note, due, idem, references, number, teams, ledger, log = unpack(KEYS)
local id, reference, key, team, made, deadline, count, fields = unpack(ARGV, 1, 8)

local kinds = {'hash', 'zset', 'hash', 'hash', 'zset', 'set', 'hash', 'stream'}
for i, want in ipairs(kinds) do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'none' and kind ~= want then
    return {'broken', KEYS[i], 'is a ' .. kind .. ', not a ' .. want}
  end
end

local standing = redis.call('HGET', idem, key)
if standing then
  return {'exists', standing}
end
if redis.call('EXISTS', note) == 1 then
  return {'broken', note, 'exists already under another key'}
end
if redis.call('HEXISTS', references, reference) == 1 then
  return {'reference_taken'}
end
local counted = redis.call('HGET', ledger, count)
if counted and not (string.match(counted, '^%d+$') and #counted < 18) then
  return {'broken', ledger, 'field ' .. count .. ' is not a count'}
end

local writes = {
  {'XADD', log, '*', 'v', 1}, {'HSET', note, 'v', 1}, {'HSET', idem, 'v', 1}, {'HSET', references, 'v', 1},
  {'ZADD', due, 1, 'v'}, {'ZADD', number, 1, 'v'}, {'SADD', teams, 'v'}, {'HINCRBY', ledger, 'v', 1},
}
for _, write in ipairs(writes) do
  if not redis.acl_check_cmd(unpack(write)) then
    return redis.error_reply('NOPERM this user may not ' .. write[1] .. ' ' .. write[2])
  end
end

-- The log first: only a stream can still refuse (one whose last id is the highest there is).
local last = 8 + fields
local entry = redis.call('XADD', log, '*', unpack(ARGV, last + 1))
redis.call('HSET', note, 'log', entry, unpack(ARGV, 9, last))
redis.call('ZADD', due, deadline, id)
redis.call('HSET', idem, key, id)
redis.call('HSET', references, reference, id)
redis.call('ZADD', number, made, id)
redis.call('SADD', teams, team)
redis.call('HINCRBY', ledger, count, 1)
return {'made'}
