-- Says that a replica is there, forgets those that have not said so for a while, and counts the rest.
-- KEYS[1] replicas   ARGV: the replica's name, seconds after which a replica is forgotten
-- Returns how many there are, and the time: Unix seconds, and microseconds.
local time = redis.call('TIME')
local now = tonumber(time[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return { redis.call('ZCARD', KEYS[1]), now, tonumber(time[2]) }
