-- Appends changes to the feed and moves the state on.
-- KEYS[1] changes  KEYS[2] state  KEYS[3] lease
-- ARGV: fencing number, instance and number of the state that the caller knows, longest feed, how many of the next
--       arguments are fields and values of the new state, those, then per change: digest, epoch, revision, time of commit
-- Returns 1, or 0 when the state is not the one that the caller knows (lost, rolled back, or published anew), or -1 when
-- another publisher has the lease.
if redis.call('HGET', KEYS[3], 'number') ~= ARGV[1] then
  return -1
end
local known = redis.call('HMGET', KEYS[2], 'instance', 'number')
if known[1] ~= ARGV[2] or known[2] ~= ARGV[3] then
  return 0
end
local number, first = tonumber(ARGV[3]), 6 + ARGV[5]
for i = first, #ARGV, 4 do
  number = number + 1
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'number', string.format('%.0f', number), 'digest', ARGV[i],
    'epoch', ARGV[i + 1], 'revision', ARGV[i + 2], 'committed_at', ARGV[i + 3])
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[2], 'beat', time[1] .. string.format('%03d', math.floor(time[2] / 1000)),
  unpack(ARGV, 6, first - 1))
return 1
