import assert from "node:assert/strict";
import {test} from "node:test";
import {source} from "./lib/source.mjs";

const {bytes, clock, count, figure, fixed, millis, percent, plural} = await source("format");
const {value} = await source("criteria");
const plain = (text) => text.replaceAll("\u202f", " ");

test("counts have their thousands apart, and figures three digits that say something", () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(count).map(plain), ["0", "999", "1 000", "1 234 567"]);
  assert.deepEqual([0, 0.5, 9.996, 12.34, 99.96, 4321].map(figure).map(plain), ["0", "0.50", "10.0", "12.3", "100", "4 321"]);
  assert.equal(plain(fixed(12345.678, 2)), "12 345.68");
  assert.equal(millis(26120), "26.1");
});

test("a share is never rounded to none or all", () => {
  const cases = [[null, "–"], [0, "0 %"], [0.00001, "< 0.01 %"], [0.0123, "1.23 %"], [0.5, "50.0 %"], [0.99999, "99.99 %"], [1, "100 %"]];
  for (const [share, text] of cases) assert.equal(percent(share), text);
});

test("times of a run are read like a clock, sizes with a unit, one thing in the singular", () => {
  assert.deepEqual([0, 65.9, 3723].map(clock), ["0:00", "1:05", "1:02:03"]);
  assert.deepEqual([12, 999.6, 812_312_331].map(bytes), ["12 B", "1.00 kB", "812 MB"]);
  assert.deepEqual([1, 2].map((n) => plural(n, "agent")), ["1 agent", "2 agents"]);
});

test("a criterion's figures have the unit of its text", () => {
  const cases = [
    ["p95<300ms for 10s", 0.3, "300 ms"],
    ["avg-rt of /cart > 2s", 2.5, "2.50 s"],
    ["fail of /cart>1% over 30s", 0.01, "1.00 %"],
    ["hits>400 for 5s, continue as failed", 712, "712"],
    ["rc503 >= 3", null, "–"],
  ];
  for (const [criterion, measured, text] of cases) assert.equal(value(criterion, measured), text, criterion);
});
