// Pictures for the docs, made by the tests that check what is on them.

import assert from "node:assert/strict";
import {stat} from "node:fs/promises";
import {fileURLToPath} from "node:url";

/** With LOADS_REGENERATE=1 the picture is taken anew; else it has to be there. */
export async function picture(page, name, options = {}) {
  const path = fileURLToPath(new URL(`../../../../docs/images/${name}.png`, import.meta.url));
  if (process.env.LOADS_REGENERATE === "1") await page.screenshot({path, ...options});
  const {size} = await stat(path);
  assert.ok(size > 10_000 && size < 150_000, `${name}.png has ${size} bytes`);
}
