// The top of the page: which run, how it stands, and the figures that matter most.

import {clock, count, figure, instant, millis, percent, plural} from "../format";
import {errorCount, errorShare, type Run, settled, type Stage} from "../run";
import {byId, make, put} from "./dom";

interface Tile {
  title: string;
  value: (run: Run) => string;
  /** What stands below in small. */
  more: (run: Run) => string;
  bad?: (run: Run) => boolean;
}

const STAGES: Record<Stage, string> = {
  Waiting: "waiting",
  Suspended: "suspended",
  Running: "running",
  Draining: "draining",
  Finished: "finished",
};

const TILES: Tile[] = [
  {title: "Elapsed", value: (run) => clock(run.result.durationSeconds), more: elapsed},
  {title: "Users", value: users, more: step},
  {title: "Agents", value: agents, more: agentsMore, bad: (run) => run.result.agents.lost > 0},
  {
    title: "Requests per second",
    value: (run) => (isOn(run) ? newest(run, (second) => figure(second.hits)) : figure(run.result.requestsPerSecond)),
    more: (run) => (isOn(run) ? `mean ${figure(run.result.requestsPerSecond)}` : "mean of the run"),
  },
  {title: "Hits", value: (run) => count(run.result.hits), more: (run) => `${count(run.result.sent)} sent`},
  {
    title: "Errors",
    value: (run) => percent(errorShare(run.result)),
    more: (run) => plural(errorCount(run.result), "request"),
    bad: (run) => errorCount(run.result) > 0,
  },
  {
    title: "p95, milliseconds",
    value: (run) => (run.result.hits > 0 ? millis(run.result.latencyMicroseconds.p95) : "–"),
    more: (run) =>
      isOn(run) ? `last second ${newest(run, (second) => millis(second.p95))}` : `p50 ${millis(run.result.latencyMicroseconds.p50)}`,
  },
];

export class Head {
  private readonly tiles = TILES.map((tile) => {
    const [value, more] = [make("dd", "value"), make("dd", "more")];
    const element = make("div", "", make("dt", "", tile.title), value, more);
    byId("tiles").append(element);
    return {tile, element, value, more};
  });

  show(run: Run): void {
    const {result, live} = run;
    const word = state(run);
    put(byId("test"), result.test || "Load test");
    document.title = `${word} · ${result.test} · Loads`;
    const badge = byId("verdict");
    put(badge, word);
    badge.className = `badge ${result.verdict}`;
    const began = instant(result.startedAt);
    const parts = [`run ${result.runId}`, `executor ${result.executor}`, began && `began ${began}`];
    put(byId("meta"), parts.filter(Boolean).join(" · "));
    // A live region: only what matters to somebody who listens, never the figures of each second.
    put(byId("said"), sentence(run));
    for (const {tile, element, value, more} of this.tiles) {
      put(value, tile.value(run));
      put(more, tile.more(run));
      element.classList.toggle("bad", tile.bad?.(run) ?? false);
    }
    this.progress(live && !live.done ? live.progressPercent : null);
  }

  private progress(percentDone: number | null): void {
    const box = byId("progress");
    box.hidden = percentDone === null;
    const track = box.firstElementChild!;
    const done = percentDone ?? 100;
    track.setAttribute("aria-valuenow", String(done));
    (track.firstElementChild as HTMLElement).style.width = `${done}%`;
  }
}

function isOn(run: Run): boolean {
  return run.live !== null && run.result.verdict === "running" && run.result.startedAt !== "";
}

/** The verdict, and before there is one the stage. */
function state(run: Run): string {
  const {verdict} = run.result;
  if (verdict !== "running") return verdict;
  return run.live ? STAGES[run.live.stage] : "not over";
}

function sentence(run: Run): string {
  const {verdict, reasons, steps} = run.result;
  if (verdict === "passed") return "";
  if (verdict !== "running") return reasons.join(" ");
  if (run.live?.stage === "Running" && steps.length > 1) return `Step ${run.live.step + 1} of ${steps.length}`;
  return "";
}

function elapsed(run: Run): string {
  if (run.live && !run.live.done) return `${run.live.progressPercent} % of the run`;
  const end = new Date(run.result.finishedAt);
  return Number.isNaN(end.getTime()) ? "" : `until ${end.toLocaleTimeString()}`;
}

function users(run: Run): string {
  if (isOn(run)) return newest(run, (second) => count(second.users));
  return count(run.result.seconds.reduce((most, second) => Math.max(most, second.users), 0));
}

function step(run: Run): string {
  const {steps} = run.result;
  if (!isOn(run)) return steps.length > 1 ? `most, in ${steps.length} steps` : "most at once";
  return steps.length > 1 ? `step ${run.live!.step + 1} of ${steps.length}` : "active";
}

function agents(run: Run): string {
  const {agents} = run.result;
  return run.live && !run.live.done ? `${run.live.ready}/${agents.wanted}` : `${agents.ready}/${agents.wanted}`;
}

function agentsMore(run: Run): string {
  const {lost} = run.result.agents;
  if (lost > 0) return `${lost} lost`;
  return run.live && !run.live.done && run.live.connected !== run.live.ready ? `${run.live.connected} connected` : "ready";
}

function newest(run: Run, text: (second: Run["result"]["seconds"][number]) => string): string {
  const last = settled(run).at(-1);
  return last ? text(last) : "–";
}
