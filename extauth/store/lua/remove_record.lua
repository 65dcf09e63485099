-- Removes a record that the registry does not have, if it is still in the state that was seen.
-- KEYS[1] fence of its shard  KEYS[2] record   ARGV: fencing number, the value seen
-- Returns 1 removed, 0 not, -1 when the fence is another publisher's, or lost.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
if redis.call('GET', KEYS[2]) == ARGV[2] then
  return redis.call('DEL', KEYS[2])
end
return 0
