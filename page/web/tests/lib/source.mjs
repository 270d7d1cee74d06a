// A module of the page's sources, as node can run it.

import {fileURLToPath} from "node:url";
import {build} from "esbuild";

/** What src/NAME.ts exports. */
export async function source(name) {
  const made = await build({
    entryPoints: [fileURLToPath(new URL(`../../src/${name}.ts`, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
  });
  return import(`data:text/javascript;base64,${Buffer.from(made.outputFiles[0].contents).toString("base64")}`);
}

/** A result with these fields; the others are as the schema says. */
export function result(fields) {
  return {...structuredClone(EMPTY), ...fields};
}

/** One second of it. */
export function second(number, fields = {}) {
  return {second: number, hits: 0, failed: 0, testsStarted: 0, users: 0, p50: 0, p95: 0, p99: 0, max: 0, ...fields};
}

const {default: schema} = await import("../../../../docs/results.schema.json", {with: {type: "json"}});
const EMPTY = Object.fromEntries(Object.entries(schema.properties).map(([name, of]) => [name, of.default]));
