-- Takes the lease of publishing when it is free, or renews it for the one who holds it.
-- KEYS[1] lease   ARGV: fencing number held (0 for none), holder, milliseconds that it lasts, longest lease of anyone
-- Returns the fencing number, or 0 while another one holds the lease. A new number is greater than all before it, even
-- when Redis has lost the last one: it is at least the time in microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local held = redis.call('HMGET', KEYS[1], 'number', 'ends')
local number, ends = tonumber(held[1] or 0), tonumber(held[2] or 0)
if number == 0 or number ~= tonumber(ARGV[1]) then
  -- An end further away than the longest lease was written before the clock went back.
  if now < ends and ends <= now + ARGV[4] * 1000 then
    return 0
  end
  number = math.max(number + 1, now)
end
redis.call('HSET', KEYS[1], 'number', string.format('%.0f', number), 'holder', ARGV[2],
  'ends', string.format('%.0f', now + ARGV[3] * 1000))
return number
