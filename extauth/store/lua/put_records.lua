-- Writes key records of one shard, each unless a newer state of the key is there already.
-- KEYS: fence of the shard, then the records
-- ARGV: fencing number, then per record: header (`<epoch> <revision>`, and ` final` for a state that only another final
--       one may follow) and bytes
-- Returns for each record 1 written, 2 written over the same version with another content, 0 the same was there,
-- -1 refused: what is there is newer, or final. Returns nothing when the fence is another publisher's, or lost.
local HEADER = '^(%d+) (%d+)( ?%a*)'
local WRITTEN, RENEWED, PRESENT, REFUSED = 1, 2, 0, -1

local function judge(header, value, present)
  if present == value then
    return PRESENT
  end
  local found_epoch, found_revision, found_final = string.match(present or '', HEADER .. '\n')
  if not found_epoch then
    return WRITTEN
  end
  local epoch, revision, final = string.match(header, HEADER)
  if found_final ~= '' and final == '' then
    return REFUSED
  end
  if epoch == found_epoch and revision == found_revision then
    return RENEWED
  end
  local epochs_on, revisions_on = tonumber(epoch) - tonumber(found_epoch), tonumber(revision) - tonumber(found_revision)
  return (epochs_on > 0 or (epochs_on == 0 and revisions_on > 0)) and WRITTEN or REFUSED
end

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
local outcomes = {}
for i = 2, #KEYS do
  local header = ARGV[2 * i - 2]
  local value = header .. '\n' .. ARGV[2 * i - 1]
  outcomes[i - 1] = judge(header, value, redis.call('GET', KEYS[i]))
  if outcomes[i - 1] > PRESENT then
    redis.call('SET', KEYS[i], value)
  end
end
return outcomes
