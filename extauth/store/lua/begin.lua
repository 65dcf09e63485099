-- Begins a new publication, with an empty feed.
-- KEYS[1] changes  KEYS[2] state  KEYS[3] lease   ARGV: fencing number, then fields and values of the state
-- Returns 1, or -1 when another publisher has the lease.
if redis.call('HGET', KEYS[3], 'number') ~= ARGV[1] then
  return -1
end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
return 1
