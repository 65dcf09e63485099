-- Removes a record that the registry does not have, if it is still in the state that was seen.
-- KEYS[1] record   ARGV: epoch, revision
-- Returns 1 removed, 0 not.
local present = redis.call('GET', KEYS[1])
if present and string.sub(present, 1, #ARGV[1] + #ARGV[2] + 2) == ARGV[1] .. ' ' .. ARGV[2] .. '\n' then
  return redis.call('DEL', KEYS[1])
end
return 0
