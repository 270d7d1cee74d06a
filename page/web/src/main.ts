// The page: a report when it holds a result, else live.

import {clock} from "./format";
import type {RunResult} from "./generated/result";
import {type Live, type Run, follow, reported} from "./run";
import {between, told} from "./story";
import * as stream from "./stream";
import {Charts} from "./view/charts";
import {byId, put} from "./view/dom";
import {Downloads} from "./view/downloads";
import {Head} from "./view/head";
import {Log} from "./view/log";
import {Tables} from "./view/tables";

const head = new Head();
const charts = new Charts(byId("charts"));
const tables = new Tables(byId("tables"));
const log = new Log();
const downloads = new Downloads();

const embedded = JSON.parse(byId("data").textContent ?? "null") as RunResult | null;
if (embedded) {
  show(reported(embedded));
  log.add(told(embedded));
  put(byId("footer"), "Report made by Loads. Figures: docs/figures.md of Loads.");
} else {
  live();
}

function show(run: Run): void {
  head.show(run);
  charts.show(run);
  tables.show(run);
  downloads.show(run.result);
}

function live(): void {
  let run: Run | null = null;
  let lostAt: number | null = null;
  let heardAt = Date.now();
  const say = (text: string, mood: "plain" | "bad" | "good") => log.add([{at: Date.now(), text, mood}]);
  const notice = byId("connection");
  stream.follow({
    said(event: Live) {
      const now = Date.now();
      if (lostAt !== null) {
        if (run) say(`Connected again after ${clock((now - lostAt) / 1000)}.`, "good");
        lostAt = null;
        notice.hidden = true;
      }
      heardAt = now;
      const before = run;
      run = follow(before, event);
      log.add(between(before, run, now));
      show(run);
    },
    lost() {
      if (lostAt === null) {
        lostAt = heardAt;
        if (run) say("The connection to the broker is lost.", "bad");
      }
      const since = new Date(heardAt).toLocaleTimeString();
      const text = run
        ? `The connection to the broker is lost. The figures are those of ${since}; this page tries to connect every second.`
        : "The broker does not answer yet; this page tries to connect every second.";
      put(notice, text);
      notice.hidden = false;
    },
  });
}
