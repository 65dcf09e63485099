-- Takes tokens from all buckets of one request, or from none of them. Begins with bucket.lua.
--
-- KEYS: buckets   ARGV, five a bucket: amount, period (microseconds), burst, end of its window, cost
-- Returns now (microseconds since 1970), then two a bucket: 1 if this bucket had enough, and its debt afterwards.
local reply, debts, counts, allowed = { whole(now) }, {}, {}, true
for i = 1, #KEYS do
  local amount, period, burst = tonumber(ARGV[5 * i - 4]), tonumber(ARGV[5 * i - 3]), tonumber(ARGV[5 * i - 2])
  local ends, cost = tonumber(ARGV[5 * i - 1]), tonumber(ARGV[5 * i])
  local debt, taken, since = read(KEYS[i], amount, period, burst)
  local enough = debt + cost * period <= burst * period
  allowed = allowed and enough
  debts[i], counts[i] = debt, taken
  reply[2 * i] = enough and 1 or 0
  reply[2 * i + 1] = whole(debt)
  if since > now then
    write(KEYS[i], amount, period, ends, debt, taken)
  end
end
if allowed then
  for i = 1, #KEYS do
    local amount, period = tonumber(ARGV[5 * i - 4]), tonumber(ARGV[5 * i - 3])
    local ends, cost = tonumber(ARGV[5 * i - 1]), tonumber(ARGV[5 * i])
    local debt = debts[i] + cost * period
    reply[2 * i + 1] = whole(debt)
    write(KEYS[i], amount, period, ends, debt, counts[i] + cost)
  end
end
return reply
