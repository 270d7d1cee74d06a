// The page while a real run goes on, and what it shows at the end.

import assert from "node:assert/strict";
import {readFile} from "node:fs/promises";
import {after, before, test} from "node:test";
import {launch} from "./lib/browser.mjs";
import {accessible, fits, log, table, tiles, untilOver} from "./lib/page.mjs";
import {picture} from "./lib/picture.mjs";
import {loads, run} from "./lib/program.mjs";
import {source} from "./lib/source.mjs";

const {fixed} = await source("format");
let [browser, shop, opened, result] = [];

before(async () => {
  [browser, shop] = await Promise.all([launch(), run({seconds: "4s"})]);
  opened = await browser.open();
  const {page} = opened;
  const answer = await page.goto(await shop.url());
  assert.match(answer.headers()["content-security-policy"], /script-src 'sha256-.*frame-ancestors 'none'/);
  assert.equal(answer.headers()["cache-control"], "no-store");
  await watch(page);
});
after(async () => {
  await shop?.clean();
  await browser?.close();
});

/** Notes what the page shows over time. */
function watch(page) {
  return page.evaluate(() => {
    const seen = (globalThis.seen = {elapsed: new Set(), said: 0});
    new MutationObserver(() => seen.elapsed.add(document.querySelector("#tiles dd.value").textContent))
      .observe(document.querySelector("#tiles"), {subtree: true, childList: true, characterData: true});
    for (const status of document.querySelectorAll("[role=status]")) {
      new MutationObserver(() => (seen.said += 1)).observe(status, {subtree: true, childList: true, characterData: true});
    }
  });
}

const drawn = (page) => page.locator(".canvas canvas").first().evaluate((canvas) => canvas.toDataURL());

test("while the run is on, charts move and figures follow", async () => {
  const {page} = opened;
  const chart = page.getByRole("img", {name: /^Requests, per second/});
  await chart.waitFor();
  const [first, said] = [await drawn(page), await chart.getAttribute("aria-label")];
  await page.waitForFunction((before) => document.querySelector(".canvas").ariaLabel !== before, said);
  assert.notEqual(await drawn(page), first);
  await page.waitForFunction(() => document.querySelector("#said").textContent === "Step 3 of 3");
  const now = await tiles(page);
  assert.equal(now.Agents.value, "2/2");
  assert.equal(now.Users.more, "step 3 of 3");
  assert.ok(Number(now["Requests per second"].value) > 0, JSON.stringify(now));
  await page.waitForFunction(() => parseInt(document.querySelector("#tiles dd.more").textContent) >= 85);
  assert.equal(await page.getByRole("progressbar").getAttribute("aria-valuenow").then(Number) >= 85, true);
  await picture(page, "page-live");
});

test("it says where the run is a few times only, and its figures change every second", async () => {
  const {page} = opened;
  await untilOver(page);
  result = await shop.result();
  const seen = await page.evaluate(() => ({elapsed: seen.elapsed.size, said: seen.said}));
  assert.ok(seen.elapsed >= 9, `${seen.elapsed} different times in 12 s`);
  assert.ok(seen.said >= 3 && seen.said <= 12, `a screen reader was interrupted ${seen.said} times`);
});

test("its last figures are those of the results file", async () => {
  const {page} = opened;
  const shown = await tiles(page);
  const unexpected = result.labels.reduce((sum, label) => sum + label.unexpected, 0);
  assert.ok(unexpected > 0);
  assert.equal(await page.locator("#verdict").textContent(), result.verdict);
  assert.deepEqual(
    [shown.Hits, shown.Errors.more, shown["p95, milliseconds"].value],
    [
      {value: String(result.hits), more: `${result.sent} sent`},
      `${unexpected + result.failedBeforeSend + result.failedAfterSend} requests`,
      threeDigits(result.latencyMicroseconds.p95 / 1000),
    ],
  );
  const ms = (micros) => fixed(micros / 1000, 2).replaceAll("\u202f", "");
  const expected = result.labels.map(({label, method, status, hits, unexpected, latencyMicroseconds: of}) => [
    label, method, String(status), String(hits), String(unexpected), ...[of.mean, of.p50, of.p95, of.p99, of.max].map(ms),
  ]);
  assert.deepEqual(sorted(await table(page, "Requests by label")), sorted(expected));
  const statuses = (await table(page, "Statuses")).map(([status, hits]) => [status, Number(hits)]);
  assert.deepEqual(Object.fromEntries(statuses), result.statuses);
  const steps = await table(page, "Steps");
  assert.deepEqual(steps.map((row) => [row[1], row[3]]), result.steps.map(({users, hits}) => [String(users), String(hits)]));
  const series = await page.getByRole("img", {name: /^Requests, per second/}).getAttribute("aria-label");
  const most = Math.max(...result.seconds.map((second) => second.hits));
  assert.ok(series.replaceAll("\u202f", "").includes(`most ${threeDigits(most)};`), `${series}: ${most}`);
});

test("its log tells the story of the run", async () => {
  const said = await log(opened.page);
  for (const text of ["Load is on.", "Step 2 of 3: 8 users on each agent.", "The run is over.", "Verdict: failed."]) {
    assert.ok(said.includes(text), `${text} is not in ${JSON.stringify(said)}`);
  }
});

test("its downloads are the results file, and the table that loads report makes of it", async () => {
  const {page} = opened;
  const save = async (name) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", {name}).click()]);
    assert.equal(download.suggestedFilename(), `${result.runId}.${name === /JSON/ ? "json" : download.suggestedFilename().split(".").at(-1)}`);
    return readFile(await download.path(), "utf8");
  };
  assert.deepEqual(JSON.parse(await save(/JSON/)), result);
  const {out} = await loads(["report", shop.results, "--format", "csv"]);
  assert.equal(await save(/CSV/), out);
});

test("axe finds nothing serious, and a phone has it all within its width", async () => {
  const {page} = opened;
  await accessible(page);
  await page.setViewportSize({width: 390, height: 844});
  await fits(page);
});

test("it asked nobody but its broker, and its console has no fault", async () => {
  const {origin} = new URL(await shop.url());
  const outside = opened.requests.filter((url) => !url.startsWith(origin) && !/^(data|blob):/.test(url));
  assert.deepEqual(outside, []);
  assert.deepEqual(opened.faults, []);
});

const sorted = (rows) => rows.map((row) => row.join(" | ")).sort();

/** As the page writes figures, without the blank between thousands. */
function threeDigits(value) {
  if (value === 0) return "0";
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : String(Math.round(value));
}
