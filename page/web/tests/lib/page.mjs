// What a reader of the page sees.

import {createRequire} from "node:module";
import {readFile} from "node:fs/promises";
import assert from "node:assert/strict";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The tiles at the top: title to value and what stands below it. */
export function tiles(page) {
  return page.locator("#tiles > div").evaluateAll((all) =>
    Object.fromEntries(all.map((tile) => {
      const [title, value, more] = [...tile.children].map((part) => part.textContent.replaceAll("\u202f", ""));
      return [title, {value, more}];
    })),
  );
}

/** A table's rows as texts, by its heading. */
export function table(page, title) {
  const section = page.locator("section", {has: page.getByRole("heading", {name: title})});
  return section.locator("tbody tr").evaluateAll((rows) =>
    rows.map((row) => [...row.cells].map((cell) => cell.textContent.replaceAll("\u202f", ""))),
  );
}

/** The log, oldest first. */
export async function log(page) {
  return (await page.locator("#log li span").allTextContents()).reverse();
}

export async function untilOver(page) {
  await page.locator("#verdict.passed, #verdict.failed, #verdict.stopped, #verdict.error").waitFor({timeout: 60_000});
}

/** No fault that axe calls serious or critical, in the light and in the dark. */
export async function accessible(page) {
  await page.evaluate(axeSource);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({colorScheme});
    const {violations, passes} = await page.evaluate(() => globalThis.axe.run(document));
    const bad = violations.filter(({impact}) => ["serious", "critical"].includes(impact));
    const said = bad.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(said, [], colorScheme);
    assert.ok(passes.some(({id}) => id === "color-contrast"), "axe looked at something");
  }
}

/** Nothing but tables' own scrolling goes beyond the width of the screen. */
export async function fits(page) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= screen, `${content} wide on a screen of ${screen}`);
}
