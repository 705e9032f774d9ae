#!lua
-- Writes the next witness: the same in two keys, as a note is in several, so that it lies in the log of Redis as one transaction.
-- KEYS: 1 and 2 hashes. ARGV: 1 the run of the server, 2 a number that the next one must be above.
-- Returns the number that was there in the first, and in the second (empty when there was none), and the one that is there now.
local before = {redis.call('HGET', KEYS[1], 'seq') or '', redis.call('HGET', KEYS[2], 'seq') or ''}
local next = math.max(tonumber(before[1]) or 0, tonumber(before[2]) or 0, tonumber(ARGV[2])) + 1
for _, key in ipairs(KEYS) do
  redis.call('HSET', key, 'run', ARGV[1], 'seq', string.format('%.0f', next))
end
return {before[1], before[2], string.format('%.0f', next)}
