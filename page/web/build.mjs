// Makes dist/page.html, the one file that the Rust crate has in it: scripts and styles inline, nothing from outside.
//
//   node build.mjs           writes it
//   node build.mjs --check   fails when it is not what the sources make

import {createHash} from "node:crypto";
import {mkdir, readFile, writeFile} from "node:fs/promises";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";
import {typesFrom} from "./types.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = here("../dist/page.html");
const most = 300_000;

await mkdir(here("src/generated"), {recursive: true});
const schema = JSON.parse(await readFile(here("../../docs/results.schema.json"), "utf8"));
await writeFile(here("src/generated/result.ts"), typesFrom(schema));

const page = await assemble();
const size = Buffer.byteLength(page);
if (size >= most) {
  console.error(`the page has ${size} bytes, and may have ${most} at most`);
  process.exitCode = 1;
} else if (process.argv.includes("--check")) {
  if ((await readFile(target, "utf8")) !== page) {
    console.error("page/dist/page.html is not what page/web makes: run `npm run build` there and commit it");
    process.exitCode = 1;
  }
} else {
  await writeFile(target, page);
  console.log(`page.html: ${size} bytes`);
}

async function assemble() {
  const [script, style] = await Promise.all([bundle("src/main.ts"), bundle("src/page.css")]);
  const policy = [
    "default-src 'none'",
    `script-src '${hash(script)}'`,
    `style-src '${hash(style)}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const licence = (await readFile(here("node_modules/uplot/LICENSE"), "utf8")).trim();
  const parts = {policy, style, script, licence};
  const html = await readFile(here("src/page.html"), "utf8");
  return html.replace(/\{\{(\w+)\}\}/g, (_, part) => parts[part]);
}

async function bundle(entry) {
  const made = await build({
    entryPoints: [here(entry)],
    absWorkingDir: here("."),
    bundle: true,
    minify: true,
    write: false,
    target: ["chrome111", "firefox113", "safari16.4"],
    legalComments: "none",
    charset: "utf8",
  });
  const text = made.outputFiles[0].text.trim();
  if (text.includes("</script") || text.includes("</style")) throw new Error(`${entry} would end its own element`);
  return text;
}

function hash(text) {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
