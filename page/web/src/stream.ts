// Follows a broker's stream, and comes back to it for as long as the run is not over.

import type {Live} from "./run";

/** Beside this page, wherever it is served: behind a port-forward, or under a path of a proxy. */
const URL = "api/v1/stream";
/** Until the next attempt, in milliseconds; a broker says something every second. */
const AGAIN = 1000;
/** A connection that is silent for so long is dead: nobody tells of a cut network. */
const SILENCE = 6000;

export interface Listener {
  said(event: Live): void;
  /** The connection is gone, or an attempt to come back failed. */
  lost(): void;
}

/** Follows until the last word. */
export function follow(listener: Listener): void {
  const source = new EventSource(URL);
  let silence = setTimeout(again, SILENCE);
  const heard = (message: MessageEvent<string>) => {
    clearTimeout(silence);
    silence = setTimeout(again, SILENCE);
    listener.said(JSON.parse(message.data) as Live);
  };
  source.onmessage = heard;
  source.addEventListener("done", (message) => {
    heard(message);
    clearTimeout(silence);
    source.close();
  });
  // The browser's own way to come back ends for good at the first answer that is not a stream, as a broker
  // gives that is just being started.
  source.onerror = again;

  function again() {
    clearTimeout(silence);
    source.close();
    listener.lost();
    setTimeout(() => follow(listener), AGAIN);
  }
}
