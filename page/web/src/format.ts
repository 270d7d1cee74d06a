// Figures as people read them. Pure. Units are said by whoever shows them.

const NONE = "–";
/** Between the digits of large numbers: narrow, and never broken. */
const THIN = "\u202f";

/** A count with its thousands apart. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** Three digits that say something. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 9.995) return value.toFixed(2);
  if (size < 99.95) return value.toFixed(1);
  return count(value);
}

/** Microseconds as milliseconds. */
export function millis(micros: number): string {
  return figure(micros / 1000);
}

/** With so many decimals, so that a column's points stand below each other. */
export function fixed(value: number, decimals: number): string {
  const [whole = "", rest] = value.toFixed(decimals).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, THIN);
  return rest === undefined ? grouped : `${grouped}.${rest}`;
}

/** 0 to 1 as percent, with its sign. */
export function percent(share: number | null): string {
  if (share === null) return NONE;
  if (share === 0) return "0 %";
  if (share < 0.0001) return "< 0.01 %";
  // What is not all must not look like all.
  const value = Math.min(share * 100, share < 1 ? 99.99 : 100);
  return `${value.toFixed(value < 9.995 || value > 99 ? 2 : 1).replace(/^100\.00$/, "100")} %`;
}

/** Seconds as 1:05 or 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Bytes with a unit that suits them. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let scaled = value;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? count(scaled) : figure(scaled)} ${units[unit]}`;
}

/** An instant, as this reader's calendar and clock have it; nothing for none. */
export function instant(rfc3339: string): string {
  const at = new Date(rfc3339);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleString(undefined, {dateStyle: "medium", timeStyle: "medium"});
}

/** 1 agent, 2 agents. */
export function plural(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? "" : "s"}`;
}
