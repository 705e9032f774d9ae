#!lua flags=no-writes
-- Lists the commands that the Redis user may not run on our keys: by name, with "session " before those on sessions;
-- none when all is well. KEYS: 1 a key under our prefix, 2 one of the counts of a day, 3 one of a session; they need
-- not exist. ARGV: none.
local key, session = KEYS[1], KEYS[3]
local needed = {
  {'EXISTS', key}, {'TYPE', key}, {'HGET', key, 'f'}, {'HMGET', key, 'f'}, {'HGETALL', key},
  {'HSET', key, 'f', 'v'}, {'HDEL', key, 'f'}, {'SREM', key, 'm'}, {'ZREM', key, 'm'}, {'XDEL', key, '1-1'}, {'TIME'},
  {'HINCRBY', key, 'f', 1}, {'SADD', key, 'm'}, {'SMEMBERS', key}, {'ZADD', key, 1, 'm'}, {'ZCARD', key},
  {'ZCOUNT', key, 0, 1}, {'ZRANGE', key, 0, 1}, {'XADD', key, '*', 'f', 'v'}, {'XRANGE', key, '-', '+'}, {'PING'},
  {'EXPIRE', KEYS[2], 1}, {'GET', session}, {'SET', session, 'v'}, {'DEL', session}, {'PTTL', session},
  {'PEXPIRE', session, 1},
}
local missing = {}
for _, command in ipairs(needed) do
  local known, allowed = pcall(redis.acl_check_cmd, unpack(command)) -- a command that was renamed is not known
  if not known or not allowed then
    table.insert(missing, (command[2] == session and 'session ' or '') .. command[1])
  end
end
return missing
