-- Lets one publisher write the records of a shard, and none before it.
-- KEYS[1] fence   ARGV: fencing number
-- Returns 1, or 0 when there was no fence (a new shard, or one that lost its data), or -1 for a later publisher's fence.
local present = redis.call('GET', KEYS[1])
if present and tonumber(present) > tonumber(ARGV[1]) then
  return -1
end
redis.call('SET', KEYS[1], ARGV[1])
return present and 1 or 0
