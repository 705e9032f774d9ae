-- Makes a note. Store.Make documents the arguments and replies. It follows common.lua.
local free, changes, fields = cjson.decode(ARGV[1]), cjson.decode(ARGV[2]), tonumber(ARGV[3])

local trouble = check(changes)
if trouble then
  return trouble
end
if redis.call('HGET', KEYS[1], 'state') == 'purged' then
  return {'there'}
end
for _, place in ipairs(free) do
  local standing = redis.call('HGET', KEYS[place[2]], place[3])
  if standing then
    return {place[1], standing}
  end
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'broken', KEYS[1], 'exists already under another key'}
end

-- The log first: only a stream can still refuse (one whose last id is the highest there is).
local entry = redis.call('XADD', KEYS[2], '*', unpack(ARGV, 4 + fields))
redis.call('HSET', KEYS[1], 'log', entry, unpack(ARGV, 4, 3 + fields))
apply(changes)
return {'made'}
