// The table of labels as CSV, column by column what `loads report --format csv` writes. Pure.

import type {LabelResult} from "./generated/result";

const COLUMNS: [string, (row: LabelResult) => string | number][] = [
  ["label", (row) => row.label],
  ["method", (row) => row.method],
  ["status", (row) => row.status],
  ["hits", (row) => row.hits],
  ["unexpected", (row) => row.unexpected],
  ["bytes", (row) => row.bytes],
  ["mean_microseconds", (row) => row.latencyMicroseconds.mean],
  ["min_microseconds", (row) => row.latencyMicroseconds.min],
  ["p50_microseconds", (row) => row.latencyMicroseconds.p50],
  ["p90_microseconds", (row) => row.latencyMicroseconds.p90],
  ["p95_microseconds", (row) => row.latencyMicroseconds.p95],
  ["p99_microseconds", (row) => row.latencyMicroseconds.p99],
  ["p999_microseconds", (row) => row.latencyMicroseconds.p999],
  ["p9999_microseconds", (row) => row.latencyMicroseconds.p9999],
  ["max_microseconds", (row) => row.latencyMicroseconds.max],
];

/** A head and a line for each label, method and status. */
export function csv(labels: LabelResult[]): string {
  const rows = labels.map((row) => COLUMNS.map(([, of]) => field(String(of(row)))));
  return [COLUMNS.map(([name]) => name), ...rows].map((cells) => `${cells.join(",")}\n`).join("");
}

function field(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
