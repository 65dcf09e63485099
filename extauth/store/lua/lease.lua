-- Takes tokens ahead from one bucket, as many as there are, and takes back those of an earlier time that were not used.
-- Begins with bucket.lua.
--
-- KEYS[1] bucket   ARGV: amount, period (microseconds), burst, tokens wanted, tokens given back, and the count of
--                  tokens taken when those were taken
-- Returns now (microseconds since 1970), tokens granted, the debt afterwards, and the count of tokens taken.
local amount, period, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted, returned, taken_then = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local debt, taken = read(KEYS[1], amount, period, burst)
-- Tokens are worth what is left of the debt that they made; debt made after them is not theirs to lower.
local theirs = debt - math.max(taken - taken_then, 0) * period
debt = debt - math.max(math.min(returned * period, theirs), 0)
local granted = math.min(wanted, math.floor((burst * period - debt) / period))
debt, taken = debt + granted * period, taken + granted
write(KEYS[1], amount, period, debt, taken)
return { whole(now), granted, whole(debt), whole(taken) }
