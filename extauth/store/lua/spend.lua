-- Takes tokens from all buckets of one request, or from none of them. The same arithmetic as store/bucket.py.
--
-- A bucket holds `burst` tokens and gains `amount` of them every `period` microseconds. It is kept as its debt, the
-- tokens that it lacks times `period`, and the time of that debt; so all numbers are whole and nothing is rounded.
-- A missing bucket has no debt, so an idle one expires by itself.
--
-- KEYS: buckets   ARGV, four a bucket: amount, period (microseconds), burst, cost
-- Returns now (microseconds since 1970), then two a bucket: 1 if this bucket had enough, and its debt afterwards.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local reply, debts, allowed = { string.format('%.0f', now) }, {}, true
for i = 1, #KEYS do
  local amount, period = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
  local burst, cost = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local debt, since = 0, now
  local kept = redis.call('GET', KEYS[i])
  if kept then
    local kept_debt, kept_since = string.match(kept, '^(%d+) (%d+)$')
    debt, since = tonumber(kept_debt), tonumber(kept_since)
    -- A clock that was set back must not stop the bucket, and a burst made smaller must not leave a debt above it.
    debt = math.min(math.max(debt - math.max(now - since, 0) * amount, 0), burst * period)
  end
  local enough = debt + cost * period <= burst * period
  allowed = allowed and enough
  debts[i] = debt
  reply[2 * i] = enough and 1 or 0
  reply[2 * i + 1] = string.format('%.0f', debt)
  if since > now then
    redis.call('SET', KEYS[i], string.format('%.0f %.0f', debt, now), 'KEEPTTL')
  end
end
if allowed then
  for i = 1, #KEYS do
    local amount, period, cost = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i])
    local debt = debts[i] + cost * period
    reply[2 * i + 1] = string.format('%.0f', debt)
    if debt > 0 then
      redis.call('SET', KEYS[i], string.format('%.0f %.0f', debt, now), 'PX', math.ceil(debt / amount / 1000))
    end
  end
end
return reply
