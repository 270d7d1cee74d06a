// What happened, told from one state of the run to the next. Pure.

import {clock, plural} from "./format";
import type {RunResult} from "./generated/result";
import type {Run, Stage} from "./run";

export type Mood = "plain" | "good" | "bad";

export interface Entry {
  /** In milliseconds since the epoch; none where nobody knows. */
  at: number | null;
  text: string;
  mood: Mood;
}

const STAGES: Record<Stage, string> = {
  Waiting: "Waiting for agents.",
  Suspended: "Suspended: no load until it is resumed.",
  Running: "Load is on.",
  Draining: "No new load; what is in flight finishes.",
  Finished: "The run is over.",
};

/** Between two states of a run that goes on; `before` is none at first. */
export function between(before: Run | null, after: Run, at: number): Entry[] {
  const entries: Entry[] = [];
  const say = (text: string, mood: Mood = "plain") => entries.push({at, text, mood});
  const [old, now] = [before?.live ?? null, after.live];
  if (!now) return [];
  if (old?.stage !== now.stage) say(STAGES[now.stage]);
  if (old && old.epoch !== now.epoch) say("Another broker process goes on with this run.");
  const steps = after.result.steps.length;
  if (steps > 1 && now.stage === "Running" && (old?.step !== now.step || old.stage !== "Running")) {
    const users = after.result.steps[now.step]?.users ?? 0;
    say(`Step ${now.step + 1} of ${steps}: ${plural(users, "user")} on each agent.`);
  }
  if (old && old.ready !== now.ready && !now.done) {
    say(`${now.ready} of ${plural(after.result.agents.wanted, "agent")} ready.`, now.ready < old.ready ? "bad" : "plain");
  }
  const lost = after.result.agents.lost - (before?.result.agents.lost ?? 0);
  if (lost > 0) say(`${plural(lost, "agent")} lost.`, "bad");
  for (const note of fresh(before?.result.notes, after.result.notes)) say(note);
  for (const entry of failedCriteria(before?.result, after.result)) entries.push({...entry, at});
  if (now.done && !old?.done) entries.push(...verdict(after.result, at));
  return entries;
}

/** A run of which only the result is there. */
export function told(result: RunResult): Entry[] {
  const start = instant(result.startedAt);
  const entries: Entry[] = [{at: start, text: start === null ? "Never started." : "Load began.", mood: "plain"}];
  entries.push(...failedCriteria(undefined, result));
  const end = instant(result.finishedAt);
  if (end !== null) entries.push({at: end, text: `Load ended after ${clock(result.durationSeconds)}.`, mood: "plain"});
  for (const text of result.notes) entries.push({at: null, text, mood: "plain"});
  if (result.verdict === "running") {
    entries.push({at: null, text: "This report was made while the run was on.", mood: "plain"});
  } else {
    entries.push(...verdict(result, end));
  }
  return entries;
}

function failedCriteria(before: RunResult | undefined, after: RunResult): Entry[] {
  const start = instant(after.startedAt);
  const known = new Set(before?.criteria.filter((one) => !one.passed).map((one) => one.criterion));
  const failed = after.criteria.filter((one) => one.failedAtSecond !== null && !known.has(one.criterion));
  return failed.map((one) => ({
    at: start === null ? null : start + one.failedAtSecond! * 1000,
    text: `Criterion failed at ${clock(one.failedAtSecond!)}: ${one.criterion}`,
    mood: "bad",
  }));
}

function verdict(result: RunResult, at: number | null): Entry[] {
  const mood = result.verdict === "passed" ? "good" : "bad";
  const reasons = result.reasons.map((text): Entry => ({at, text, mood}));
  return [{at, text: `Verdict: ${result.verdict}.`, mood}, ...reasons];
}

function fresh(before: string[] | undefined, after: string[]): string[] {
  return after.filter((text) => !before?.includes(text));
}

function instant(rfc3339: string): number | null {
  const at = Date.parse(rfc3339);
  return Number.isNaN(at) ? null : at;
}
