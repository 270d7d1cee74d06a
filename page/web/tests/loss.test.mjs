// What the page does when its broker is out of reach.

import assert from "node:assert/strict";
import {readFile, readdir} from "node:fs/promises";
import {after, before, test} from "node:test";
import {launch} from "./lib/browser.mjs";
import {log, tiles, untilOver} from "./lib/page.mjs";
import {proxy} from "./lib/proxy.mjs";
import {run} from "./lib/program.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const LOST = "The connection to the broker is lost.";
const notice = (page) => page.locator("#connection");

async function untilHits(page) {
  await page.waitForFunction(() => Number(document.querySelectorAll("#tiles .value")[4]?.textContent.replace(/\D/g, "")) > 0);
}

/** The browser says itself that a connection failed; that is no fault of the page. */
const own = (faults) => faults.filter((fault) => !/Failed to load resource|net::ERR/.test(fault));

test("a cut connection is said, the last figures stay, and it comes back: under a proxy's path too", async () => {
  const shop = await run({seconds: "4s"});
  const between = await proxy(await shop.url());
  try {
    const {page, faults} = await browser.open();
    await page.goto(between.url);
    await untilHits(page);
    between.cut();
    await notice(page).waitFor();
    assert.match(await notice(page).textContent(), /lost\. The figures are those of [\d:]+; this page tries to connect/);
    const kept = Number((await tiles(page)).Hits.value);
    assert.ok(kept > 0, "the last figures stay");
    between.mend();
    await notice(page).waitFor({state: "hidden"});
    await untilOver(page);
    const result = await shop.result();
    assert.equal(Number((await tiles(page)).Hits.value), result.hits);
    const said = await log(page);
    const [lost, back] = [said.indexOf(LOST), said.findIndex((text) => text.startsWith("Connected again after 0:"))];
    assert.ok(lost >= 0 && back > lost, JSON.stringify(said));
    assert.deepEqual(own(faults), []);
  } finally {
    await between.close();
    await shop.clean();
  }
});

test("a connection that only falls silent is given up, and another one made", async () => {
  const shop = await run({seconds: "4s"});
  const between = await proxy(await shop.url());
  try {
    const {page, faults} = await browser.open();
    await page.goto(between.url);
    await untilHits(page);
    between.silence();
    await notice(page).waitFor();
    await notice(page).waitFor({state: "hidden"});
    await untilOver(page);
    assert.equal(Number((await tiles(page)).Hits.value), (await shop.result()).hits);
    const said = await log(page);
    assert.ok(said.includes(LOST), JSON.stringify(said));
    assert.deepEqual(faults, []);
  } finally {
    await between.close();
    await shop.clean();
  }
});

test("a broker that is killed and started again is survived with nothing lost", async () => {
  const shop = await run({seconds: "5s", args: ["--processes"]});
  try {
    const {page, faults} = await browser.open();
    const url = await shop.url();
    await reachable(url);
    await page.goto(url);
    await untilHits(page);
    process.kill(await child(shop.pid, "broker"), "SIGKILL");
    await notice(page).waitFor();
    await notice(page).waitFor({state: "hidden"});
    await untilOver(page);
    const result = await shop.result();
    const shown = await tiles(page);
    assert.deepEqual(shown.Hits, {value: String(result.hits), more: `${result.sent} sent`});
    const said = await log(page);
    assert.ok(said.includes(LOST) && said.includes("Verdict: failed."), JSON.stringify(said));
    assert.deepEqual(own(faults), []);
  } finally {
    await shop.clean();
  }
});

/** A broker of its own listens only once its process is up. */
async function reachable(url) {
  for (;;) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
    await new Promise((again) => setTimeout(again, 50));
  }
}

/** The process that `parent` started as `loads ROLE`. */
async function child(parent, role) {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const read = (file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    const [stat, command] = [await read("stat"), (await read("cmdline")).split("\0")];
    if (stat.split(") ").at(-1).split(" ")[1] === String(parent) && command[1] === role) return Number(pid);
  }
  throw new Error(`${parent} has no child that is a ${role}`);
}
