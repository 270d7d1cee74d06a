// The report: one file, without network, from the results of a real run.

import assert from "node:assert/strict";
import {execFile} from "node:child_process";
import {stat, writeFile} from "node:fs/promises";
import {after, before, test} from "node:test";
import {pathToFileURL} from "node:url";
import {promisify} from "node:util";
import {launch} from "./lib/browser.mjs";
import {accessible, fits, log, table, tiles} from "./lib/page.mjs";
import {picture} from "./lib/picture.mjs";
import {loads, program, run} from "./lib/program.mjs";

const NASTY = '</script><script>document.title = "taken"</script><img src=x onerror="document.title = 1">';
let [browser, shop, result, report] = [];

before(async () => {
  [browser, shop] = await Promise.all([launch(), run({seconds: "3s"})]);
  result = await shop.result();
  // What this run has none of, and a reader should find too.
  result.criteria = [
    {criterion: "p95<20ms for 3s", passed: false, measured: 0.0312, threshold: 0.02, failedAtSecond: 4},
    {criterion: "fail of order>50% over 5s", passed: true, measured: 0.11, threshold: 0.5, failedAtSecond: null},
  ];
  const trace = 'Traceback (most recent call last):\n  File "shop.py", line 12, in test_order';
  result.errors.push({kind: "other:KeyError", source: "testError", label: NASTY, message: "'id'", traceback: trace, count: 3});
  await writeFile(shop.results, JSON.stringify(result));
  const made = await loads(["report", shop.results]);
  report = shop.results.replace(".json", ".html");
  assert.equal(made.err, `report written to ${report}\n`);
  assert.ok((await stat(report)).size < 300_000);
});
after(async () => {
  await shop?.clean();
  await browser?.close();
});

async function open(options) {
  const opened = await browser.open(options);
  await opened.page.goto(pathToFileURL(report).href);
  await opened.page.getByRole("img", {name: /^Requests, per second/}).waitFor();
  return opened;
}

test("it opens from a file with the network off, and asks for nothing", async () => {
  await browser.setOffline(true);
  const {page, faults, requests} = await open();
  assert.equal(await page.locator("#verdict").textContent(), "failed");
  const shown = await tiles(page);
  assert.deepEqual(shown.Hits, {value: String(result.hits), more: `${result.sent} sent`});
  assert.equal(await page.locator(".canvas canvas").count(), 4);
  assert.deepEqual(requests.filter((url) => !url.startsWith("data:")), [pathToFileURL(report).href]);
  assert.deepEqual(faults, []);
  await browser.setOffline(false);
});

test("criteria, errors and their story are there, and texts of strangers are texts", async () => {
  const {page, faults} = await open();
  assert.deepEqual(await table(page, "Criteria"), [
    ["p95<20ms for 3s", "failed", "31.2 ms", "20.0 ms", "0:04"],
    ["fail of order>50% over 5s", "passed", "11.0 %", "50.0 %", ""],
  ]);
  const errors = await table(page, "Errors");
  assert.ok(errors.some((row) => row[0] === "3" && row[2] === NASTY && row[3].includes("line 12")), JSON.stringify(errors));
  assert.match(await page.title(), /^failed · shop · Loads$/);
  const said = await log(page);
  assert.ok(said.includes("Criterion failed at 0:04: p95<20ms for 3s") && said.at(0) === "Load began.", JSON.stringify(said));
  assert.deepEqual(faults, []);
});

test("it can be used by keys alone", async () => {
  const {page} = await open();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the figures");
  assert.ok(await page.locator(".skip").isVisible());
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const heading = page.getByRole("columnheader", {name: "Label"}).first();
  await heading.getByRole("button").focus();
  await page.keyboard.press("Enter");
  assert.equal(await heading.getAttribute("aria-sort"), "ascending");
  const labels = (await table(page, "Requests by label")).map(([label]) => label);
  assert.deepEqual(labels, [...labels].sort());
  await page.keyboard.press("Enter");
  assert.equal(await heading.getAttribute("aria-sort"), "descending");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus is seen");
});

test("the cursor reads a second off all charts at once", async () => {
  const {page} = await open();
  const canvases = page.locator(".canvas .u-over");
  const box = await canvases.first().boundingBox();
  await page.mouse.move(box.x + 2, box.y + box.height / 2);
  const at = () => page.locator(".legend .at").allTextContents();
  assert.deepEqual(await at(), ["at 0:00", "at 0:00", "at 0:00", "at 0:00"]);
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const [first, ...others] = await at();
  assert.ok(first !== "at 0:00" && others.every((text) => text === first), first);
});

test("axe finds nothing serious in it, with an example opened", async () => {
  const {page} = await open();
  await page.locator("summary").first().click();
  await accessible(page);
});

test("in the dark it is dark", async () => {
  const {page} = await open({colorScheme: "dark", viewport: {width: 1280, height: 1180}});
  const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.match(background, /rgb\((\d{1,2}), (\d{1,2}), (\d{1,2})\)/);
  await picture(page, "report-dark");
});

test("a phone shows it within its width, and can scroll what is wider by keys", async () => {
  const {page} = await open({viewport: {width: 390, height: 844}});
  await fits(page);
  const wide = page.getByRole("region", {name: /Requests by label/});
  await wide.focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction(() => document.activeElement.scrollLeft > 0);
  await page.evaluate(() => scrollTo(0, 0));
  await picture(page, "report-phone");
});

test("whoever reads it from standard output may stop early", async () => {
  const pipe = 'set -o pipefail; "$0" report "$1" --output - | head -c 15';
  const {stdout, stderr} = await promisify(execFile)("bash", ["-c", pipe, program, shop.results]);
  assert.deepEqual([stdout, stderr], ["<!doctype html>", ""]);
});

test("it says what is no result", async () => {
  const made = await loads(["report", shop.file]);
  assert.equal(made.code, 2);
  assert.match(made.err, /shop\.yaml is no result of a run: it is not JSON/);
});
