// A criterion's figures in the unit that its text uses. Pure.

import {figure, percent} from "./format";

type Unit = "time" | "share" | "plain";

/** What follows the comparison: `p95<300ms for 10s` is about a time, `fail>1% over 30s` about a share. */
export function unit(criterion: string): Unit {
  const [, suffix] = /[<>=]=?\s*[\d.]+\s*(%|[a-z]+)?/i.exec(criterion) ?? [];
  if (suffix === "%") return "share";
  return suffix !== undefined && /^(us|ms|s|m|h|d)$/i.test(suffix) ? "time" : "plain";
}

/** A measured value or a threshold, with its unit. */
export function value(criterion: string, of: number | null): string {
  if (of === null) return "–";
  switch (unit(criterion)) {
    case "share":
      return percent(of);
    case "time":
      return of < 1 ? `${figure(of * 1000)} ms` : `${figure(of)} s`;
    case "plain":
      return figure(of);
  }
}
