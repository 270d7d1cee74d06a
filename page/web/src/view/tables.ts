// What is counted, in tables: each shows up with its first row.

import * as criteria from "../criteria";
import {bytes, clock, count, fixed, percent} from "../format";
import type {CriterionResult, ErrorEntry, LabelResult, RunResult, StepResult} from "../generated/result";
import type {Run} from "../run";
import {make, put} from "./dom";
import {type Column, Table} from "./table";

/** A criterion, and whether its last word is said. */
type Judged = CriterionResult & {over: boolean};

interface Named {
  name: string;
  value: number;
  share: number | null;
}

const ms = <Row>(title: string, micros: (row: Row) => number): Column<Row> => ({
  title,
  text: (row) => fixed(micros(row) / 1000, 2),
  sort: micros,
});
const number = <Row>(title: string, of: (row: Row) => number): Column<Row> => ({
  title,
  text: (row) => count(of(row)),
  sort: of,
});
const word = <Row>(title: string, of: (row: Row) => string): Column<Row> => ({title, text: of, sort: of});
const wide = <Row>(title: string, of: (row: Row) => string): Column<Row> => ({...word(title, of), wide: true});

export class Tables {
  private readonly criteria = new Table<Judged>({
    title: "Criteria",
    key: (row) => row.criterion,
    bad: (row) => !row.passed,
    columns: [
      wide("Criterion", (row) => row.criterion),
      word("Result", judged),
      word("Measured", (row) => criteria.value(row.criterion, row.measured)),
      word("Threshold", (row) => criteria.value(row.criterion, row.threshold)),
      word("Failed at", (row) => (row.failedAtSecond === null ? "" : clock(row.failedAtSecond))),
    ],
  });

  private readonly labels = new Table<LabelResult>({
    title: "Requests by label, times in milliseconds",
    key: (row) => `${row.method} ${row.status} ${row.label}`,
    bad: (row) => row.unexpected > 0,
    sorted: {column: 3, down: true},
    columns: [
      wide("Label", (row) => row.label),
      word("Method", (row) => row.method),
      {...word("Status", (row) => String(row.status)), sort: (row) => row.status},
      number("Hits", (row) => row.hits),
      number("Errors", (row) => row.unexpected),
      ms("Mean", (row) => row.latencyMicroseconds.mean),
      ms("p50", (row) => row.latencyMicroseconds.p50),
      ms("p95", (row) => row.latencyMicroseconds.p95),
      ms("p99", (row) => row.latencyMicroseconds.p99),
      ms("Max", (row) => row.latencyMicroseconds.max),
    ],
  });

  private readonly errors = new Table<ErrorEntry>({
    title: "Errors",
    key: (row) => JSON.stringify([row.kind, row.source, row.label, row.message]),
    sorted: {column: 0, down: true},
    columns: [
      number("Count", (row) => row.count),
      word("Kind", (row) => row.kind),
      wide("Label", (row) => row.label),
      {...wide("Message", (row) => row.message), fill: example},
    ],
  });

  private readonly statuses = named("Statuses", "Status", "Hits");
  private readonly counters = named("Counters of the test", "Counter", "Value", false);
  private readonly accounting = named("Where every request is", "Requests", "Count");
  private readonly tests = named("Test executions", "Outcome", "Count");

  private readonly steps = new Table<StepResult>({
    title: "Steps, times in milliseconds",
    key: (row) => String(row.step),
    bad: (row) => row.tests.errors + row.tests.failures > 0,
    columns: [
      {...word("Step", (row) => String(row.step + 1)), sort: (row) => row.step},
      number("Users", (row) => row.users),
      {title: "Seconds", text: (row) => fixed(row.seconds, 1), sort: (row) => row.seconds},
      number("Hits", (row) => row.hits),
      {title: "Per second", text: (row) => fixed(rate(row), 1), sort: rate},
      number("Failed tests", (row) => row.tests.errors + row.tests.failures),
      ms("p50", (row) => row.latencyMicroseconds.p50),
      ms("p95", (row) => row.latencyMicroseconds.p95),
      ms("p99", (row) => row.latencyMicroseconds.p99),
      ms("Max", (row) => row.latencyMicroseconds.max),
    ],
  });

  constructor(parent: HTMLElement) {
    const small = make("div", "side");
    small.append(...[this.statuses, this.accounting, this.tests, this.counters].map((table) => table.element));
    parent.append(...[this.criteria, this.labels, this.errors, this.steps].map((table) => table.element), small);
  }

  show(run: Run): void {
    const {result} = run;
    const over = result.verdict !== "running";
    this.criteria.show(result.criteria.map((one) => ({...one, over})));
    this.labels.show(result.labels, labelsNote(run));
    this.errors.show(result.errors);
    this.steps.show(result.hits > 0 || result.steps.length > 1 ? result.steps : []);
    this.statuses.show(shares(Object.entries(result.statuses)));
    this.counters.show(Object.entries(result.counters).map(([name, value]) => ({name, value, share: null})));
    this.accounting.show(requests(result), `${bytes(result.bytes)} of bodies received.`);
    this.tests.show(result.tests.started > 0 ? shares(executions(result)) : []);
  }
}

function judged(row: Judged): string {
  if (!row.passed) return "failed";
  if (row.over) return "passed";
  return row.measured === null ? "not judged yet" : "holds so far";
}

function rate(step: StepResult): number {
  return step.seconds > 0 ? step.hits / step.seconds : 0;
}

function named(title: string, first: string, second: string, shared = true): Table<Named> {
  const share: Column<Named> = {
    title: "Share",
    text: (row) => (row.share === null ? "" : percent(row.share)),
    sort: (row) => row.share ?? 0,
  };
  return new Table<Named>({
    title,
    key: (row) => row.name,
    columns: [wide(first, (row) => row.name), number(second, (row) => row.value), ...(shared ? [share] : [])],
  });
}

function shares(entries: [string, number][]): Named[] {
  const all = entries.reduce((sum, [, value]) => sum + value, 0);
  return entries.map(([name, value]) => ({name, value, share: all > 0 ? value / all : null}));
}

function requests(result: RunResult): Named[] {
  const of = (value: number) => (result.sent > 0 ? value / result.sent : null);
  const rows: Named[] = [
    {name: "Sent", value: result.sent, share: of(result.sent)},
    {name: "Hits", value: result.hits, share: of(result.hits)},
    {name: "Failed after sending", value: result.failedAfterSend, share: of(result.failedAfterSend)},
    {name: "Unanswered", value: result.unanswered, share: of(result.unanswered)},
    {name: "Failed before sending", value: result.failedBeforeSend, share: null},
    {name: "Sent again", value: result.retries, share: null},
    {name: "Hits without detail", value: result.undetailed, share: null},
    {name: "Arrivals that waited for a user", value: result.delayed, share: null},
    {name: "Web sockets opened", value: result.webSockets.opened, share: null},
  ];
  return result.sent + result.failedBeforeSend + result.webSockets.opened > 0
    ? rows.filter((row, index) => index < 2 || row.value > 0)
    : [];
}

function executions({tests}: RunResult): [string, number][] {
  const all: [string, number][] = [
    ["Success", tests.success],
    ["Errors", tests.errors],
    ["Failures", tests.failures],
    ["Skipped", tests.skipped],
    ["Interrupted", tests.interrupted],
    ["Lost", tests.lost],
    ["Not over yet", unfinished(tests)],
  ];
  return all.filter(([, value], index) => index === 0 || value > 0);
}

function unfinished(tests: RunResult["tests"]): number {
  const over = tests.success + tests.errors + tests.failures + tests.skipped + tests.interrupted + tests.lost;
  return Math.max(0, tests.started - over);
}

function labelsNote(run: Run): string {
  const parts: string[] = [];
  const {labels, labelsFolded, verdict} = run.result;
  if (run.live && verdict === "running" && labels.length >= 100) {
    parts.push("Those with the most hits; all are there when the run is over.");
  }
  if (labelsFolded > 0) parts.push(`${count(labelsFolded)} further URLs are counted as “other”.`);
  return parts.join(" ");
}

/** The message, and behind it one example's stack trace. */
function example(cell: HTMLElement, row: ErrorEntry): void {
  if (row.traceback === "") return put(cell, row.message);
  if (cell.querySelector("details")) return;
  const trace = make("pre", "", row.traceback);
  // Scrolled by keys too.
  trace.tabIndex = 0;
  cell.replaceChildren(make("details", "", make("summary", "", row.message), trace));
}
