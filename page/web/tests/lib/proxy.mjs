// A proxy that serves a broker under a path, as ingress controllers and the API server do, and can be cut.

import {once} from "node:events";
import {createServer, request} from "node:http";

const PATH = "/clusters/one/run";

/** Forwards to the broker at `target`. */
export async function proxy(target) {
  const sockets = new Set();
  const answers = new Set();
  let isCut = false;
  const server = createServer((asked, answer) => {
    if (!asked.url.startsWith(`${PATH}/`)) return answer.writeHead(404).end();
    const forwarded = request(new URL(asked.url.slice(PATH.length), target), (from) => {
      answer.writeHead(from.statusCode, from.headers);
      from.pipe(answer);
      answers.add(() => from.unpipe(answer));
    });
    forwarded.on("error", () => answer.destroy());
    answer.on("close", () => forwarded.destroy());
    asked.pipe(forwarded);
  });
  server.on("connection", (socket) => {
    if (isCut) return socket.destroy();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}${PATH}/`,
    /** Ends every connection, and refuses new ones until `mend`. */
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    /** Lets every connection stand that says nothing any more, as a network does that is gone; new ones work. */
    silence() {
      for (const stop of answers) stop();
    },
    mend() {
      isCut = false;
    },
    async close() {
      this.cut();
      server.close();
      await once(server, "close");
    },
  };
}
