// The real browser, as the page's users have it: nothing of its own goes out to the network.

import {mkdtemp, rm} from "node:fs/promises";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {chromium} from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** A browser for a test file, with a profile that nobody used before; close it after the tests. */
export async function launch() {
  const profile = await mkdtemp(join(tmpdir(), "loads-page-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.LOADS_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport: {width: 1280, height: 900},
    locale: "en-GB",
    timezoneId: "UTC",
    acceptDownloads: true,
  });
  return {
    /** A page of its own that notes what its console says and what it asks for. */
    async open(options = {}) {
      const page = await context.newPage();
      if (options.viewport) await page.setViewportSize(options.viewport);
      if (options.colorScheme) await page.emulateMedia({colorScheme: options.colorScheme});
      const faults = [];
      const requests = [];
      page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
      page.on("console", (said) => {
        if (["error", "warning"].includes(said.type())) faults.push(`${said.type()}: ${said.text()}`);
      });
      page.on("request", (request) => requests.push(request.url()));
      return {page, faults, requests};
    },
    setOffline: (offline) => context.setOffline(offline),
    async close() {
      await context.close();
      await rm(profile, {recursive: true, force: true});
    },
  };
}
