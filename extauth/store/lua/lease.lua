-- Takes tokens ahead from buckets, from each as many as there are, and takes back those of an earlier time that were not
-- used. Begins with bucket.lua.
--
-- KEYS: buckets   ARGV, eight a bucket: amount, period (microseconds), burst, end of its window, tokens wanted, but no
--                 more than one in so many of those that there are, tokens given back, and the count of tokens taken
--                 when those were taken
-- Returns now (microseconds since 1970), then three a bucket: tokens granted, the debt afterwards, and the count of
-- tokens taken.
local reply = { whole(now) }
for i = 1, #KEYS do
  local amount, period, burst = tonumber(ARGV[8 * i - 7]), tonumber(ARGV[8 * i - 6]), tonumber(ARGV[8 * i - 5])
  local ends, wanted, share = tonumber(ARGV[8 * i - 4]), tonumber(ARGV[8 * i - 3]), tonumber(ARGV[8 * i - 2])
  local returned, taken_then = tonumber(ARGV[8 * i - 1]), tonumber(ARGV[8 * i])
  local debt, taken = read(KEYS[i], amount, period, burst)
  -- Tokens are worth what is left of the debt that they made; debt made after them is not theirs to lower. A count that
  -- went back is that of another bucket: the one that they were taken from has been lost.
  local theirs = taken >= taken_then and debt - (taken - taken_then) * period or 0
  debt = debt - math.max(math.min(returned * period, theirs), 0)
  local granted = math.min(wanted, math.floor(math.floor((burst * period - debt) / period) / share))
  debt, taken = debt + granted * period, taken + granted
  write(KEYS[i], amount, period, ends, debt, taken)
  reply[3 * i - 1], reply[3 * i], reply[3 * i + 1] = granted, whole(debt), whole(taken)
end
return reply
