-- For wrk: sends the lines of the file $BODIES in turn by POST; by GET without it. A file `….hex`
-- has binary tensors: the length of the JSON, and the whole body in hex.
local requests, turn = {}, 0

function init(args)
  local headers = { ["content-type"] = "application/json" }
  local token = os.getenv("TOKEN")
  if token then headers["authorization"] = "Bearer " .. token end
  local path = os.getenv("BODIES")
  if not path then
    requests[1] = wrk.format("GET", nil, headers)
    return
  end
  local is_hex = path:sub(-4) == ".hex"
  for body in io.lines(path) do
    if is_hex then
      local length, hex = body:match("(%d+) (%x+)")
      headers["content-type"] = "application/octet-stream"
      headers["inference-header-content-length"] = length
      body = hex:gsub("..", function(byte) return string.char(tonumber(byte, 16)) end)
    end
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"micros":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"bad_status":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
