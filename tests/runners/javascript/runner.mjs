// A runner for Loads in JavaScript: docs/external-runners.md is all it knows.
import {performance} from "node:perf_hooks"
import {Push} from "zeromq"

const env = process.env
const test = process.argv[2]
const duration = Number(env.LOADS_DURATION ?? 0)
const hits = Number(env.LOADS_TOTAL_HITS ?? 0)

const socket = new Push({linger: -1})
socket.connect(env.LOADS_ZMQ_RECEIVER)

const send = (type, more) =>
  socket.send(JSON.stringify({data_type: type, agent_id: env.LOADS_AGENT_ID, run_id: env.LOADS_RUN_ID, ...more}))

async function request(common) {
  const started = new Date().toISOString()
  const begun = performance.now()
  const response = await fetch(env.LOADS_SERVER_URL)
  await response.arrayBuffer()
  const elapsed = (performance.now() - begun) / 1000
  await send("add_hit", {...common, url: env.LOADS_SERVER_URL, method: "GET", status: response.status, started, elapsed})
  if (response.status !== 200) throw new RangeError(`status ${response.status}`)
}

let stopping = false
process.on("SIGTERM", () => { stopping = true })

const begin = performance.now()
for (let hit = 1; !stopping; hit++) {
  if (duration ? performance.now() - begin >= duration * 1000 : hit > hits) break
  const status = [hits, Number(env.LOADS_TOTAL_USERS), hit, Number(env.LOADS_CURRENT_USER)]
  const common = {test, loads_status: status}
  await send("startTest", common)
  try {
    await request(common)
    await send("incr_counter", {...common, name: "visits"})
    await send("addSuccess", common)
  } catch (error) {
    await send("addFailure", {...common, exc_info: [error.name, error.message, error.stack ?? ""]})
  }
  await send("stopTest", common)
}
socket.close()
