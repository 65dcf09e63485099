-- Ends the lease of publishing for the one who holds it.
-- KEYS[1] lease   ARGV: fencing number
if redis.call('HGET', KEYS[1], 'number') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'ends', 0)
end
