-- Appends changes to the feed and moves the state on.
-- KEYS[1] changes  KEYS[2] state
-- ARGV: instance, epoch, revision that the caller published last, revision now, longest feed, then per change:
--       digest, epoch, revision, time of commit
-- Returns 1, or 0 when the state is not the one that the caller knows (lost, rolled back, or published anew).
local state = redis.call('HMGET', KEYS[2], 'instance', 'epoch', 'revision')
if state[1] ~= ARGV[1] or state[2] ~= ARGV[2] or tonumber(state[3]) < tonumber(ARGV[3]) then
  return 0
end
for i = 6, #ARGV, 4 do
  local number = redis.call('HINCRBY', KEYS[2], 'number', 1)
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*', 'number', number, 'digest', ARGV[i],
    'epoch', ARGV[i + 1], 'revision', ARGV[i + 2], 'committed_at', ARGV[i + 3])
end
if tonumber(state[3]) < tonumber(ARGV[4]) then
  redis.call('HSET', KEYS[2], 'revision', ARGV[4])
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[2], 'beat', time[1] .. string.format('%03d', math.floor(time[2] / 1000)))
return 1
