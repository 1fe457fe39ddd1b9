-- POST /v1/messages for many tenants in turn, each request under a new idempotency key.
-- BENCH_TENANTS names a file with one line per tenant: API key, number id.
local tenants = {}
local counter = 0
local run = 0
local threads = 0

function setup(thread)
  thread:set("run", threads)
  threads = threads + 1
end

function init(arguments)
  for line in io.lines(os.getenv("BENCH_TENANTS")) do
    local key, number = line:match("^(%S+)%s+(%S+)$")
    tenants[#tenants + 1] = { key = key, number = number }
  end
  counter = os.time() % 100000 * 1000000
end

function request()
  counter = counter + 1
  local tenant = tenants[counter % #tenants + 1]
  local headers = {
    ["Host"] = "api.localhost",
    ["Authorization"] = "Bearer " .. tenant.key,
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = "bench-" .. run .. "-" .. counter,
  }
  local body = '{"number_id":"' .. tenant.number .. '","to":"+4915' .. (10000000 + counter % 10000000)
    .. '","type":"template","template":{"name":"order_ok","language":{"code":"en_US"},"components":['
    .. '{"type":"body","parameters":[{"type":"text","text":"' .. string.rep("x", 100) .. '"}]}]}}'
  return wrk.format("POST", "/v1/messages", headers, body)
end

local failed = 0
function response(status)
  if status ~= 202 then failed = failed + 1 end
end

function done(summary, latency)
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"status_errors":%d,"socket_errors":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
