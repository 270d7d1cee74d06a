// What is known of a run, put together from the stream's events or from a report's result. Pure.

import type {RunResult, SecondResult} from "./generated/result";

export type Stage = "Waiting" | "Suspended" | "Running" | "Draining" | "Finished";

/** An event of the stream: wire/src/live.rs. */
export interface Live {
  /** Whether the result's seconds are all that are known; if not they go over those of the same number. */
  whole: boolean;
  epoch: number;
  stage: Stage;
  step: number;
  progressPercent: number;
  connected: number;
  ready: number;
  done: boolean;
  result: RunResult;
}

/** How many agents there were; nobody keeps that but a page that watches. */
export interface Presence {
  second: number;
  ready: number;
}

export interface Run {
  result: RunResult;
  /** None in a report: its result has the last word. */
  live: Omit<Live, "whole" | "result"> | null;
  presence: Presence[];
}

/** A report's run. */
export function reported(result: RunResult): Run {
  return {result, live: null, presence: []};
}

/** The run after an event. A whole event, as the first of each connection is, leaves nothing of the seconds before. */
export function follow(before: Run | null, event: Live): Run {
  const {whole, result, ...live} = event;
  const seconds = whole || !before ? result.seconds : merge(before.result.seconds, result.seconds);
  const known = before && before.result.runId === result.runId ? before.presence : [];
  const presence = result.startedAt === "" || live.done ? known : seen(known, result, live.ready);
  return {result: {...result, seconds}, live, presence};
}

function seen(known: Presence[], result: RunResult, ready: number): Presence[] {
  const second = Math.floor(result.durationSeconds);
  const last = known.at(-1);
  if (last && last.second >= second) return known;
  return [...known, {second, ready}];
}

function merge(known: SecondResult[], changed: SecondResult[]): SecondResult[] {
  const first = changed[0];
  const last = known.at(-1);
  if (!first) return known;
  if (!last || first.second > last.second) return [...known, ...changed];
  const by = new Map(known.map((second) => [second.second, second]));
  for (const second of changed) by.set(second.second, second);
  return [...by.values()].sort((a, b) => a.second - b.second);
}

/** How many seconds each entry sums up: reports of long runs are made smaller that way. */
export function spacing(seconds: SecondResult[]): number {
  const [first, second] = seconds;
  return first && second ? Math.max(1, second.second - first.second) : 1;
}

/** A second's windows have all arrived so long after its end. */
const SETTLED = 0.5;

/** Seconds whose figures will not grow any more, as far as can be told; all of a run that is over. */
export function settled(run: Run): SecondResult[] {
  const {seconds, durationSeconds, verdict} = run.result;
  if (!run.live || verdict !== "running") return seconds;
  const ended = Math.floor(durationSeconds - SETTLED);
  let count = seconds.length;
  while (count > 0 && seconds[count - 1]!.second >= ended) count -= 1;
  return seconds.slice(0, count);
}

/** Requests that failed, and hits of a status that was not expected: what the status of a LoadTest calls errors. */
export function errorCount(result: RunResult): number {
  const unexpected = result.labels.reduce((sum, label) => sum + label.unexpected, 0);
  return result.failedBeforeSend + result.failedAfterSend + unexpected;
}

/** Of all requests, 0 to 1; none without requests. */
export function errorShare(result: RunResult): number | null {
  const requests = result.hits + result.failedBeforeSend + result.failedAfterSend;
  return requests > 0 ? errorCount(result) / requests : null;
}
