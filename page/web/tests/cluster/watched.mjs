// The page of a run in a cluster, through `kubectl loads page`; started by the cluster's tests with its address in
// LOADS_PAGE_URL. LOADS_KILL_BROKER is a command that takes the broker's pod away once.

import assert from "node:assert/strict";
import {execFile} from "node:child_process";
import {after, before, test} from "node:test";
import {promisify} from "node:util";
import {launch} from "../lib/browser.mjs";
import {log, tiles} from "../lib/page.mjs";

let [browser, opened] = [];
before(async () => {
  browser = await launch();
  opened = await browser.open();
  await opened.page.goto(process.env.LOADS_PAGE_URL);
});
after(() => browser?.close());

const hits = async () => Number((await tiles(opened.page)).Hits.value);

/** Waits until the page counts more than so many hits. */
async function beyond(count) {
  await opened.page.waitForFunction(
    (least) => Number(document.querySelectorAll("#tiles .value")[4]?.textContent.replace(/\D/g, "")) > least,
    count,
    {timeout: 90_000},
  );
}

test("figures and charts of a run in a cluster move", async () => {
  await beyond(0);
  const chart = opened.page.getByRole("img", {name: /^Requests, per second/});
  await chart.waitFor();
  const said = await chart.getAttribute("aria-label");
  await beyond(await hits());
  await opened.page.waitForFunction((before) => document.querySelector(".canvas").ariaLabel !== before, said);
  assert.equal((await tiles(opened.page)).Agents.value, "2/2");
});

test("a broker's pod that goes is said, and the next one's figures go on from the last ones", async () => {
  const before = await hits();
  const [program, ...args] = process.env.LOADS_KILL_BROKER.split(" ");
  await promisify(execFile)(program, args);
  await opened.page.locator("#connection").waitFor({timeout: 60_000});
  await opened.page.locator("#connection").waitFor({state: "hidden", timeout: 90_000});
  await beyond(before);
  const story = await log(opened.page);
  assert.ok(story.includes("The connection to the broker is lost."), JSON.stringify(story));
});

test("nothing went wrong but the connections that were cut", () => {
  const own = opened.faults.filter((fault) => !/Failed to load resource|net::ERR/.test(fault));
  assert.deepEqual(own, []);
});
