// What the charts draw, as columns beside the seconds. Pure.

import {type Run, settled, spacing} from "./run";

export type Column = (number | null)[];

export interface Series {
  /** Seconds since the start. */
  seconds: number[];
  hits: Column;
  failed: Column;
  p50: Column;
  p95: Column;
  p99: Column;
  users: Column;
  agents: Column;
  testsStarted: Column;
}

/** A last second that the run filled less than this has no rate: it would look like a server that broke down. */
const FILLED = 0.95;

/** Rates by second, times in milliseconds; a second without hits has no times. */
export function series(run: Run): Series {
  const rows = settled(run);
  const length = spacing(run.result.seconds);
  const ready = new Map(run.presence.map((at) => [at.second, at.ready]));
  const last = rows.at(-1)?.second ?? 0;
  const isCut = run.result.durationSeconds - last < FILLED * length && rows.length > 1;
  const rate = (second: number, n: number) => (isCut && second === last ? null : n / length);
  const time = (micros: number, hits: number) => (hits > 0 ? micros / 1000 : null);
  return {
    seconds: rows.map((row) => row.second),
    hits: rows.map((row) => rate(row.second, row.hits)),
    failed: rows.map((row) => rate(row.second, row.failed)),
    p50: rows.map((row) => time(row.p50, row.hits)),
    p95: rows.map((row) => time(row.p95, row.hits)),
    p99: rows.map((row) => time(row.p99, row.hits)),
    users: rows.map((row) => row.users),
    agents: run.presence.length > 0 ? rows.map((row) => ready.get(row.second) ?? null) : [],
    testsStarted: rows.map((row) => rate(row.second, row.testsStarted)),
  };
}
