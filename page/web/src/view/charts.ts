// Charts over the seconds of the run: one cursor for all, zoom by dragging, back by a double click.

import uPlot from "uplot";
import {clock, count, figure} from "../format";
import type {Run} from "../run";
import {type Column, type Series, series} from "../series";
import {make, put} from "./dom";

interface Line {
  name: string;
  /** A custom property of the style sheet, so that the colour follows the scheme. */
  colour: string;
  of: (series: Series) => Column;
  text: (value: number) => string;
  fill?: boolean;
  /** Holds from one second to the next: no slope between. */
  steps?: boolean;
  /** Has a scale of its own, on the right. */
  right?: boolean;
}

interface Plan {
  title: string;
  unit: string;
  lines: Line[];
}

const PLANS: Plan[] = [
  {
    title: "Requests",
    unit: "per second",
    lines: [
      {name: "hits", colour: "--blue", of: (s) => s.hits, text: figure, fill: true},
      {name: "failed", colour: "--red", of: (s) => s.failed, text: figure, fill: true},
    ],
  },
  {
    title: "Time to the last byte",
    unit: "milliseconds",
    lines: [
      {name: "p50", colour: "--teal", of: (s) => s.p50, text: figure},
      {name: "p95", colour: "--amber", of: (s) => s.p95, text: figure},
      {name: "p99", colour: "--violet", of: (s) => s.p99, text: figure},
    ],
  },
  {
    title: "Users",
    unit: "active",
    lines: [{name: "users", colour: "--blue", of: (s) => s.users, text: count, fill: true, steps: true}],
  },
  {
    title: "Tests",
    unit: "begun per second",
    lines: [{name: "tests", colour: "--teal", of: (s) => s.testsStarted, text: figure, fill: true}],
  },
];

const AGENTS: Line = {name: "agents ready", colour: "--violet", of: (s) => s.agents, text: count, right: true, steps: true};
const HEIGHT = 190;
/** Steps of the axis in seconds: uPlot would take tens of them. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400];

export class Charts {
  private charts: Chart[] = [];

  constructor(private readonly parent: HTMLElement) {
    const redraw = () => this.charts.forEach((chart) => chart.redraw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  show(run: Run): void {
    const data = series(run);
    this.parent.hidden = data.seconds.length === 0;
    if (this.parent.hidden) return;
    if (this.charts.length === 0) this.charts = plans(run).map((plan) => new Chart(this.parent, plan));
    const failures = run.result.criteria.flatMap((one) => one.failedAtSecond ?? []);
    for (const chart of this.charts) chart.show(data, failures);
  }
}

/** Only who watches a run knows how many agents there were at a second; a report does not. */
function plans(run: Run): Plan[] {
  if (!run.live) return PLANS;
  const both = (plan: Plan): Plan =>
    plan.title === "Users" ? {...plan, title: "Users and agents", lines: [...plan.lines, AGENTS]} : plan;
  return PLANS.map(both);
}

class Chart {
  private readonly plot: uPlot;
  private readonly canvas: HTMLElement;
  private readonly values: HTMLElement[] = [];
  private readonly at = make("span", "at");
  private data: Series | undefined;
  private failures: number[] = [];

  constructor(parent: HTMLElement, private readonly plan: Plan) {
    const title = make("h2", "", plan.title, " ", make("small", "", plan.unit));
    const legend = make("p", "legend", ...plan.lines.map((line) => this.entry(line)), this.at);
    this.canvas = make("div", "canvas");
    this.canvas.setAttribute("role", "img");
    parent.append(make("figure", "", make("figcaption", "", title, legend), this.canvas));
    this.plot = new uPlot(this.options(), [[], ...plan.lines.map(() => [])], this.canvas);
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.canvas);
  }

  show(data: Series, failures: number[]): void {
    this.data = data;
    this.failures = failures;
    this.plot.setData([data.seconds, ...this.plan.lines.map((line) => line.of(data))]);
    this.describe();
    this.legend();
  }

  redraw(): void {
    this.plot.redraw(false, true);
  }

  private entry(line: Line): HTMLElement {
    const value = make("b");
    this.values.push(value);
    const swatch = make("i");
    swatch.style.background = `var(${line.colour})`;
    return make("span", "", swatch, `${line.name} `, value);
  }

  /** The values at the cursor; without one the newest. */
  private legend(): void {
    const data = this.data;
    if (!data) return;
    const index = this.plot.cursor.idx ?? newest(this.plan.lines[0]!.of(data));
    this.plan.lines.forEach((line, at) => {
      const value = line.of(data)[index];
      put(this.values[at]!, value === null || value === undefined ? "–" : line.text(value));
    });
    put(this.at, `at ${clock(data.seconds[index] ?? 0)}`);
  }

  /** For those who do not see the picture. */
  private describe(): void {
    const data = this.data!;
    const parts = this.plan.lines.map((line) => {
      const known = line.of(data).filter((value) => value !== null);
      if (known.length === 0) return `${line.name}: none`;
      const [most, last] = [known.reduce((a, b) => Math.max(a, b)), known.at(-1)!];
      return `${line.name}: last ${line.text(last)}, most ${line.text(most)}`;
    });
    const span = clock(data.seconds.at(-1) ?? 0);
    this.canvas.setAttribute("aria-label", `${this.plan.title}, ${this.plan.unit}, 0:00 to ${span}. ${parts.join("; ")}.`);
  }

  /** A line where a criterion failed. */
  private mark(plot: uPlot): void {
    const {ctx, bbox} = plot;
    ctx.save();
    ctx.strokeStyle = colour("--red");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const second of this.failures) {
      const x = Math.round(plot.valToPos(second, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  private size(): {width: number; height: number} {
    return {width: Math.max(200, this.canvas.clientWidth), height: HEIGHT};
  }

  private options(): uPlot.Options {
    const hasRight = this.plan.lines.some((line) => line.right);
    const fromZero = (_: uPlot, _min: number | null, max: number | null): uPlot.Range.MinMax => [0, (max || 1) * 1.08];
    return {
      ...this.size(),
      legend: {show: false},
      cursor: {sync: {key: "seconds"}, points: {size: 7}, drag: {x: true, y: false}},
      scales: {x: {time: false}, y: {range: fromZero}, right: {range: fromZero}},
      series: [{}, ...this.plan.lines.map((line) => drawn(line))],
      axes: [
        {...axis(), incrs: STEPS, values: (_, at) => at.map(clock), size: 28, space: 60},
        {...axis(), size: 52, values: (_, at) => at.map(tick)},
        ...(hasRight ? [{...axis(), scale: "right", side: 1, size: 34, grid: {show: false}, values: whole}] : []),
      ],
      hooks: {setCursor: [() => this.legend()], draw: [(plot) => this.mark(plot)]},
      padding: [8, hasRight ? 0 : 10, 0, 0],
    };
  }
}

/** Where the last value is. */
function newest(column: Column): number {
  let index = column.length - 1;
  while (index > 0 && column[index] === null) index -= 1;
  return index;
}

function drawn(line: Line): uPlot.Series {
  return {
    label: line.name,
    scale: line.right ? "right" : "y",
    stroke: () => colour(line.colour),
    width: 1.6,
    points: {show: (plot, _, from, to) => to - from < 2 && plot.data[0].length < 3},
    ...(line.steps ? {paths: uPlot.paths.stepped!({align: 1})} : {}),
    ...(line.fill ? {fill: () => `${colour(line.colour)}22`} : {}),
    ...(line.right ? {dash: [5, 4], spanGaps: true} : {}),
  };
}

function axis(): uPlot.Axis {
  return {
    stroke: () => colour("--muted"),
    grid: {stroke: () => colour("--grid"), width: 1},
    ticks: {show: false},
    font: '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
  };
}

function tick(value: number): string {
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(3)));
}

/** Half an agent is none. */
function whole(_: uPlot, at: number[]): string[] {
  return at.map((value) => (Number.isInteger(value) ? count(value) : ""));
}

function colour(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}
