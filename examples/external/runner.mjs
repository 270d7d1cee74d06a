// A runner for Loads in Node: executes one of the tests below as often as it is told, and reports each step.
import { Push } from "zeromq";

const env = process.env;
const server = env.LOADS_SERVER_URL ?? "http://127.0.0.1:9000";
const totalHits = Number(env.LOADS_TOTAL_HITS ?? 0);
const seconds = Number(env.LOADS_DURATION ?? 0);

const tests = {
  async visit(request, count) {
    const page = await request("/");
    if (page.status !== 200) throw new Error(`the page answered ${page.status}`);
    count("visits");
  },
};

const name = process.argv[2];
const test = tests[name];
if (!test) {
  console.error(`runner.mjs: no test called ${name}; there are: ${Object.keys(tests).join(", ")}`);
  process.exit(2);
}

// Everything must be sent before the process ends: hence linger without limit.
const socket = new Push({ linger: -1 });
socket.connect(env.LOADS_ZMQ_RECEIVER);

const send = (type, fields) =>
  socket.send(JSON.stringify({ data_type: type, agent_id: env.LOADS_AGENT_ID, run_id: env.LOADS_RUN_ID, ...fields }));

async function execute(hit) {
  const status = { loads_status: [totalHits, Number(env.LOADS_TOTAL_USERS), hit, Number(env.LOADS_CURRENT_USER)] };
  const reports = [];
  const request = async (path, options) => {
    const url = server + path;
    const started = new Date().toISOString();
    const begun = performance.now();
    const response = await fetch(url, options);
    await response.arrayBuffer();
    const elapsed = (performance.now() - begun) / 1000;
    const method = options?.method ?? "GET";
    reports.push(["add_hit", { url, method, status: response.status, started, elapsed, ...status }]);
    return response;
  };
  const count = (counter) => reports.push(["incr_counter", { test: name, name: counter, ...status }]);

  await send("startTest", { test: name, ...status });
  try {
    await test(request, count);
    reports.push(["addSuccess", { test: name, ...status }]);
  } catch (error) {
    const exc_info = [error.name, error.message, error.stack ?? ""];
    reports.push([error.name === "AssertionError" ? "addFailure" : "addError", { test: name, exc_info, ...status }]);
  }
  for (const [type, fields] of reports) await send(type, fields);
  await send("stopTest", { test: name, ...status });
}

const end = performance.now() + seconds * 1000;
for (let hit = 1; seconds ? performance.now() < end : hit <= totalHits; hit++) await execute(hit);
socket.close();
