// What happened, newest first.

import type {Entry} from "../story";
import {byId, make} from "./dom";

/** A page that is left open for days must not grow without end. */
const MOST = 500;

export class Log {
  private readonly list = byId("log").querySelector("ol")!;

  constructor() {
    byId("log").hidden = true;
  }

  add(entries: Entry[]): void {
    for (const entry of entries) {
      const time = make("time", "", entry.at === null ? "" : new Date(entry.at).toLocaleTimeString());
      this.list.prepend(make("li", entry.mood, time, make("span", "", entry.text)));
    }
    while (this.list.children.length > MOST) this.list.lastElementChild!.remove();
    byId("log").hidden = this.list.children.length === 0;
  }
}
