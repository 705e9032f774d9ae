#!lua
-- Writes the next witness number into two keys, as a note is in several, so that it lies in the log of Redis as one
-- transaction. It counts on from the stored number, not from the one that a daemon expects: a daemon that finds a loss
-- leaves it to be found by the others, and by itself when this reply is lost. KEYS: 1 and 2 hashes. ARGV: 1 the run of
-- the server. Returns the number that was in the first, the one in the second (empty for none), and the new one.
local before = {redis.call('HGET', KEYS[1], 'seq') or '', redis.call('HGET', KEYS[2], 'seq') or ''}
local next = math.max(tonumber(before[1]) or 0, tonumber(before[2]) or 0) + 1
for _, key in ipairs(KEYS) do
  redis.call('HSET', key, 'run', ARGV[1], 'seq', string.format('%.0f', next))
end
return {before[1], before[2], string.format('%.0f', next)}
