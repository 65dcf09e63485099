-- Writes a key record unless a newer state of the key is there already.
-- KEYS[1] record   ARGV: epoch, revision, record bytes
-- Returns 1 written, 0 the same state was there, -1 refused: what is there is newer.
local epoch, revision = tonumber(ARGV[1]), tonumber(ARGV[2])
local present = redis.call('GET', KEYS[1])
if present then
  local found_epoch, found_revision = string.match(present, '^(%d+) (%d+)\n')
  if found_epoch then
    found_epoch, found_revision = tonumber(found_epoch), tonumber(found_revision)
    if found_epoch > epoch or (found_epoch == epoch and found_revision > revision) then
      return -1
    end
    if found_epoch == epoch and found_revision == revision then
      return 0
    end
  end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. '\n' .. ARGV[3])
return 1
