#!lua
-- Every script that changes a note begins with this text. Its first line makes Redis refuse the whole script beforehand
-- when Redis may not write (out of memory, read-only replica, failed persistence). check() makes sure that no write can
-- fail halfway, because Redis does not undo.
--
-- KEYS 1 the note (hash), 2 the log (stream), then the keys of the changes.
-- A change is {command, key by number, arguments…}:
--   zadd score member | zrem member | sadd member | srem member | hset field value | hdel field | count field by
--   refer field value    adds a word to a field: to one that several notes can share
--   unrefer field value  removes a word from a field, and the field with its last word
--   lease member         zadd with the end of the lease as score
local types = {
  zadd = 'zset', zrem = 'zset', lease = 'zset', sadd = 'set', srem = 'set', hset = 'hash', hdel = 'hash',
  count = 'hash', refer = 'hash', unrefer = 'hash',
}
-- The commands of each change, its reads too: one that is refused halfway would leave half a change.
local commands = {
  zadd = {'ZADD'}, zrem = {'ZREM'}, lease = {'ZADD'}, sadd = {'SADD'}, srem = {'SREM'}, hset = {'HSET'},
  hdel = {'HDEL'}, count = {'HGET', 'HINCRBY'}, refer = {'HGET', 'HSET'}, unrefer = {'HGET', 'HSET', 'HDEL'},
}
local samples = {
  ZADD = {1, 'm'}, ZREM = {'m'}, SADD = {'m'}, SREM = {'m'}, HGET = {'f'}, HSET = {'f', 'v'}, HDEL = {'f'},
  HINCRBY = {'f', 1}, XADD = {'*', 'f', 'v'}, XDEL = {'1-1'},
}

local allowed = {} -- commands that the user may run: one rule covers all our keys

local function refused(command, key)
  if allowed[command] then
    return
  end
  if not redis.acl_check_cmd(command, key, unpack(samples[command])) then
    return redis.error_reply('NOPERM this user may not ' .. command .. ' ' .. key)
  end
  allowed[command] = true
end

local function wrong(key, want)
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= want then
    return {'broken', key, 'is a ' .. kind .. ', not a ' .. want}
  end
end

-- check gives the refusing reply, nil when every write can be done.
local function check(changes, also)
  local trouble = wrong(KEYS[1], 'hash') or wrong(KEYS[2], 'stream')
    or refused('HSET', KEYS[1]) or refused('HDEL', KEYS[1]) or refused('XADD', KEYS[2])
    or (also and refused(also, KEYS[2]))
  if trouble then
    return trouble
  end
  for _, change in ipairs(changes) do
    local command, key = change[1], KEYS[change[2]]
    trouble = wrong(key, types[command])
    for _, each in ipairs(commands[command]) do
      trouble = trouble or refused(each, key)
    end
    if not trouble and command == 'count' then
      local counted = redis.call('HGET', key, change[3])
      if counted and not (string.match(counted, '^%d+$') and #counted < 18) then
        trouble = {'broken', key, 'field ' .. change[3] .. ' is not a count'}
      end
    end
    if trouble then
      return trouble
    end
  end
end

local function words(text)
  local list = {}
  for word in string.gmatch(text or '', '%S+') do
    table.insert(list, word)
  end
  return list
end

local write = {
  zadd = function(key, score, member) redis.call('ZADD', key, score, member) end,
  zrem = function(key, member) redis.call('ZREM', key, member) end,
  sadd = function(key, member) redis.call('SADD', key, member) end,
  srem = function(key, member) redis.call('SREM', key, member) end,
  hset = function(key, field, value) redis.call('HSET', key, field, value) end,
  hdel = function(key, field) redis.call('HDEL', key, field) end,
  count = function(key, field, by) redis.call('HINCRBY', key, field, by) end,
  refer = function(key, field, value)
    local list = words(redis.call('HGET', key, field))
    table.insert(list, value)
    redis.call('HSET', key, field, table.concat(list, ' '))
  end,
  unrefer = function(key, field, value)
    local left = {}
    for _, word in ipairs(words(redis.call('HGET', key, field))) do
      if word ~= value then
        table.insert(left, word)
      end
    end
    if #left > 0 then
      redis.call('HSET', key, field, table.concat(left, ' '))
    else
      redis.call('HDEL', key, field)
    end
  end,
}

-- apply makes the changes. lease is the end of the lease in ms, or nil.
local function apply(changes, lease)
  for _, change in ipairs(changes) do
    local key = KEYS[change[2]]
    if change[1] == 'lease' then
      redis.call('ZADD', key, lease, change[3])
    else
      write[change[1]](key, change[3], change[4])
    end
  end
end

