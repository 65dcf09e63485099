-- What the scripts of buckets begin with. The same arithmetic as store/bucket.py.
--
-- A bucket holds `burst` tokens and gains `amount` of them every `period` microseconds. It is kept as its debt, the
-- tokens that it lacks times `period`, the time of that debt, the period, and a count of the tokens taken; so all
-- numbers are whole and nothing is rounded. A missing bucket has no debt, so an idle one expires by itself. The count
-- begins as the time: no value of it stands for two states, even if the bucket expired or was lost in between.
--
-- A quota's bucket gains nothing (`amount` 0) and is for one window, which `ends` at that Unix millisecond; else that is 0.
-- It outlives its window, by whose end the sidecars' clocks may not be agreed.
local SLACK = 600000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function whole(number)
  return string.format('%.0f', number)
end

-- Returns the debt now, the tokens ever taken, and the time at which that was kept.
local function read(name, amount, period, burst)
  local debt, since, kept_period, taken = string.match(redis.call('GET', name) or '', '^(%d+) (%d+) (%d+) (%d+)$')
  if not debt then
    return 0, now, now
  end
  debt, since, kept_period = tonumber(debt), tonumber(since), tonumber(kept_period)
  if kept_period ~= period then
    debt = math.ceil(debt / kept_period * period)
  end
  -- A clock that was set back must not stop the bucket, and a burst made smaller must not leave a debt above it.
  debt = math.min(math.max(debt - math.max(now - since, 0) * amount, 0), burst * period)
  return debt, tonumber(taken), since
end

local function write(name, amount, period, ends, debt, taken)
  if debt > 0 then
    local life = ends > 0 and math.max(ends - math.floor(now / 1000), 0) + SLACK or math.ceil(debt / amount / 1000)
    redis.call('SET', name, string.format('%.0f %.0f %.0f %.0f', debt, now, period, taken), 'PX', life)
  else
    redis.call('DEL', name)
  end
end
