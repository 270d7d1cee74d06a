import assert from "node:assert/strict";
import {test} from "node:test";
import {result, second, source} from "./lib/source.mjs";

const {errorShare, follow, reported, settled, spacing} = await source("run");
const {series} = await source("series");

function event(whole, seconds, fields = {}) {
  const {durationSeconds = 10, verdict = "running", runId = "r", ...live} = fields;
  const of = {runId, durationSeconds, verdict, startedAt: "2026-11-22T10:00:00Z", seconds};
  return {whole, epoch: 1, stage: "Running", step: 0, progressPercent: 0, connected: 1, ready: 1, done: false, ...live, result: result(of)};
}
const hits = (run) => run.result.seconds.map((one) => [one.second, one.hits]);

test("changed seconds go over the known ones, and the others stay", () => {
  let run = follow(null, event(true, [second(0, {hits: 5}), second(1, {hits: 1})]));
  run = follow(run, event(false, [second(1, {hits: 6}), second(2, {hits: 2})]));
  assert.deepEqual(hits(run), [[0, 5], [1, 6], [2, 2]]);
  run = follow(run, event(false, []));
  run = follow(run, event(false, [second(3, {hits: 9})]));
  assert.deepEqual(hits(run), [[0, 5], [1, 6], [2, 2], [3, 9]]);
});

test("a whole event leaves nothing of what was known before", () => {
  const before = follow(null, event(true, [second(0, {hits: 5}), second(1, {hits: 8})]));
  assert.deepEqual(hits(follow(before, event(true, [second(0, {hits: 4})]))), [[0, 4]]);
});

test("a second is drawn when its windows are in, and all of them once the run is over", () => {
  const rows = [0, 1, 2].map((n) => second(n, {hits: 1}));
  const at = (durationSeconds) => settled(follow(null, event(true, rows, {durationSeconds}))).length;
  assert.deepEqual([1.2, 1.6, 2.4, 2.6, 9].map(at), [0, 1, 1, 2, 3]);
  assert.equal(settled(reported(result({seconds: rows, verdict: "passed", durationSeconds: 2.2}))).length, 3);
});

test("seconds that a report sums up are rates by second again", () => {
  const rows = [0, 10, 20].map((n) => second(n, {hits: 50, failed: 10, p95: 2000}));
  const drawn = series(reported(result({seconds: rows, verdict: "passed", durationSeconds: 30})));
  assert.equal(spacing(rows), 10);
  assert.deepEqual([drawn.hits, drawn.failed, drawn.p95], [[5, 5, 5], [1, 1, 1], [2, 2, 2]]);
});

test("a last second that the run did not fill has no rate, but its times", () => {
  const rows = [0, 1, 2].map((n) => second(n, {hits: n === 2 ? 3 : 90, p95: 1000}));
  const drawn = (durationSeconds) => series(reported(result({seconds: rows, verdict: "passed", durationSeconds})));
  assert.deepEqual(drawn(2.04).hits, [90, 90, null]);
  assert.deepEqual(drawn(2.04).p95, [1, 1, 1]);
  assert.deepEqual(drawn(2.99).hits, [90, 90, 3]);
});

test("a second without hits has no times, and agents are known where somebody watched", () => {
  let run = follow(null, event(true, [second(0), second(1, {hits: 1, p50: 500})], {durationSeconds: 1.2, ready: 2}));
  run = follow(run, event(false, [], {durationSeconds: 5, ready: 3}));
  const drawn = series(run);
  assert.deepEqual([drawn.p50, drawn.agents], [[null, 0.5], [null, 2]]);
  assert.deepEqual(series(reported(run.result)).agents, []);
});

test("presence of another run is forgotten", () => {
  const run = follow(follow(null, event(true, [])), event(true, [], {runId: "other", durationSeconds: 1}));
  assert.deepEqual(run.presence, [{second: 1, ready: 1}]);
});

test("the share of errors counts failed requests and unexpected statuses, as the status of a LoadTest does", () => {
  assert.equal(errorShare(result({})), null);
  assert.equal(errorShare(result({hits: 90, failedBeforeSend: 4, failedAfterSend: 6, labels: [{unexpected: 10}]})), 0.2);
});
