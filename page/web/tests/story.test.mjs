import assert from "node:assert/strict";
import {test} from "node:test";
import {result, source} from "./lib/source.mjs";

const {between, told} = await source("story");
const {csv} = await source("csv");

function run(live, fields = {}) {
  const agents = {wanted: 2, connected: 2, ready: 2, lost: 0};
  const steps = [{users: 10}, {users: 1}];
  const known = {epoch: 1, stage: "Running", step: 0, ready: 2, connected: 2, done: false};
  return {live: {...known, ...live}, result: result({agents, steps, ...fields}), presence: []};
}
const texts = (entries) => entries.map((entry) => entry.text);

test("a newcomer hears where the run is, and later only what changes", () => {
  const first = run({});
  assert.deepEqual(texts(between(null, first, 0)), ["Load is on.", "Step 1 of 2: 10 users on each agent."]);
  assert.deepEqual(between(first, run({}), 1), []);
});

test("stages, steps, agents and brokers that change are told", () => {
  const before = run({stage: "Waiting", ready: 1});
  const said = texts(between(before, run({step: 1, epoch: 2}), 0));
  assert.deepEqual(said, [
    "Load is on.",
    "Another broker process goes on with this run.",
    "Step 2 of 2: 1 user on each agent.",
    "2 of 2 agents ready.",
  ]);
  const lost = between(run({}), run({ready: 1}, {agents: {wanted: 2, connected: 2, ready: 2, lost: 1}}), 0);
  assert.deepEqual(texts(lost), ["1 of 2 agents ready.", "1 agent lost."]);
  assert.ok(lost.every((entry) => entry.mood === "bad"));
});

test("a criterion that fails and a new note are told once, the verdict at the end", () => {
  const criteria = [{criterion: "p95<1ms", passed: false, failedAtSecond: 7, measured: 1, threshold: 1}];
  const failed = run({}, {criteria, notes: ["n"], startedAt: "2026-11-22T10:00:00Z"});
  assert.deepEqual(texts(between(run({}), failed, 0)), ["n", "Criterion failed at 0:07: p95<1ms"]);
  const over = run({stage: "Finished", done: true}, {...failed.result, verdict: "failed", reasons: ["Why."]});
  assert.deepEqual(texts(between(failed, over, 0)), ["The run is over.", "Verdict: failed.", "Why."]);
  assert.deepEqual(between(over, over, 0), []);
});

test("a report tells its story from the result alone, also that of a run that never started", () => {
  const never = told(result({verdict: "error", reasons: ["No agent."]}));
  assert.deepEqual(texts(never), ["Never started.", "Verdict: error.", "No agent."]);
  const passed = told(result({
    verdict: "passed", startedAt: "2026-11-22T10:00:00Z", finishedAt: "2026-11-22T10:01:05Z", durationSeconds: 65,
  }));
  assert.deepEqual(texts(passed), ["Load began.", "Load ended after 1:05.", "Verdict: passed."]);
  assert.ok(texts(told(result({verdict: "running"}))).includes("This report was made while the run was on."));
});

test("texts are quoted in CSV where they must be", () => {
  const latency = {mean: 1234.5, min: 0, p50: 1000, p90: 0, p95: 0, p99: 0, p999: 0, p9999: 0, max: 2e6};
  const row = {label: 'a "b", c', method: "GET", status: 404, hits: 3, unexpected: 3, bytes: 0, latencyMicroseconds: latency};
  const [head, line, end] = csv([row]).split("\n");
  assert.ok(head.startsWith("label,method,status,hits,") && end === "");
  assert.equal(line, '"a ""b"", c",GET,404,3,3,0,1234.5,0,1000,0,0,0,0,0,2000000');
});
