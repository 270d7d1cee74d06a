// The `loads` program as it was built for this test run.

import {spawn} from "node:child_process";
import {once} from "node:events";
import {mkdtemp, readFile, rm, writeFile} from "node:fs/promises";
import {createServer} from "node:net";
import {tmpdir} from "node:os";
import {join, resolve} from "node:path";
import {fileURLToPath} from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
export const program = join(resolve(root, process.env.CARGO_TARGET_DIR ?? "target"), "debug", "loads");

/** `loads …`, whose standard error can be waited on. */
export function start(args) {
  const child = spawn(program, args, {stdio: ["ignore", "pipe", "pipe"]});
  let [out, err] = ["", ""];
  const listeners = new Set();
  child.stdout.on("data", (bytes) => (out += bytes));
  child.stderr.on("data", (bytes) => {
    err += bytes;
    for (const listener of listeners) listener();
  });
  const ended = once(child, "close").then(([code]) => ({code, out, err}));
  return {
    pid: child.pid,
    ended,
    /** The first match of what it says. */
    said: (pattern) =>
      new Promise((found, refuse) => {
        const look = () => {
          const match = pattern.exec(err);
          if (match) found(match);
          return match !== null;
        };
        if (look()) return;
        listeners.add(look);
        ended.then(({code}) => look() || refuse(new Error(`loads ended with ${code} and never said ${pattern}: ${err}`)));
      }),
    /** Ends it, if it has not ended by itself. */
    async stop() {
      if (child.exitCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

/** `loads …` to its end. */
export async function loads(args) {
  return start(args).ended;
}

/** A run with its live page: 3 steps of so many seconds, over 2 agents, of which some requests fail. */
export async function run({seconds, args = []}) {
  const dir = await mkdtemp(join(tmpdir(), "loads-page-run-"));
  const [file, results] = [join(dir, "shop.yaml"), join(dir, "results.json")];
  await writeFile(file, loadTest(await freePort(), seconds));
  const running = start(["run", file, "--demo-server", "--page", "--results", results, ...args]);
  return {
    ...running,
    file,
    results,
    url: async () => (await running.said(/live page: (http:\S+)/))[1],
    /** The results, once it is over. */
    async result() {
      const {code, err} = await running.ended;
      if (code !== 99) throw new Error(`loads run ended with ${code}: ${err}`);
      return JSON.parse(await readFile(results, "utf8"));
    },
    async clean() {
      await running.stop();
      await rm(dir, {recursive: true, force: true});
    },
  };
}

const loadTest = (port, seconds) => `
apiVersion: loads.dev/v1alpha1
kind: LoadTest
metadata: {name: shop}
spec:
  executor: http
  serverURL: http://127.0.0.1:${port}
  agents: 2
  users: "4:8:12"
  duration: ${seconds}
  http:
    requests:
      - {path: "/slow?ms=15", label: home, weight: 60}
      - {path: "/slow?ms=30", label: search, weight: 25}
      - {path: /bytes/20000, label: picture, weight: 12}
      - {path: /status/201, method: POST, body: '{"article": 4711}', label: order, expectStatus: 201, weight: 8}
      - {path: /status/503, label: order, weight: 1}
`;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const {port} = server.address();
  server.close();
  await once(server, "close");
  return port;
}
