-- Makes a note. What goes in and comes out stands above Store.Make. It follows common.lua.
local id, restore, changes, fields = ARGV[1], ARGV[2] == '1', cjson.decode(ARGV[3]), tonumber(ARGV[4])

local trouble = check(changes)
if trouble then
  return trouble
end
local found = {} -- by command: the key and the field that must be free
for _, change in ipairs(changes) do
  found[change[1]] = {KEYS[change[2]], change[3]}
end
local standing = redis.call('HGET', unpack(found.hset))
if standing then
  return {'exists', standing}
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'broken', KEYS[1], 'exists already under another key'}
end
if not restore then
  local open = redis.call('HGET', unpack(found.claim))
  if open then
    return {'open', open}
  end
  if redis.call('HEXISTS', unpack(found.refer)) == 1 then
    return {'reference_taken'}
  end
end

-- The log first: only a stream can still refuse (one whose last id is the highest there is).
local entry = redis.call('XADD', KEYS[2], '*', unpack(ARGV, 5 + fields))
redis.call('HSET', KEYS[1], 'log', entry, unpack(ARGV, 5, 4 + fields))
apply(changes)
return {'made'}
