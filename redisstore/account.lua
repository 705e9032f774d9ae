#!lua
-- Replaces a local account that is as it was seen. KEYS: 1 the accounts. ARGV: 1 the person, 2 the account as it was
-- seen, empty for none, 3 as it shall be. It answers done, changed or broken.
local key, person, before, after = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local kind = redis.call('TYPE', key).ok
if kind ~= 'none' and kind ~= 'hash' then
  return {'broken'}
end
local has = redis.call('HGET', key, person) or ''
if has ~= before then
  return {'changed'}
end
redis.call('HSET', key, person, after)
return {'done'}
