// The figures as files, made here: a report has no server, and a finished run's is gone.

import {csv} from "../csv";
import type {RunResult} from "../generated/result";
import {byId, make} from "./dom";

export class Downloads {
  private result: RunResult | null = null;

  constructor() {
    this.offer("JSON", "everything known of the run", "application/json", (result) => `${JSON.stringify(result, null, 2)}\n`);
    this.offer("CSV", "the figures by label", "text/csv", (result) => csv(result.labels));
  }

  show(result: RunResult): void {
    this.result = result;
    byId("downloads").hidden = false;
  }

  private offer(format: string, what: string, type: string, text: (result: RunResult) => string): void {
    const button = make("button", "", format);
    button.type = "button";
    button.setAttribute("aria-label", `Download ${what} as ${format}`);
    button.title = `Download ${what}`;
    button.addEventListener("click", () => {
      if (this.result) save(new Blob([text(this.result)], {type}), `${this.result.runId || "run"}.${format.toLowerCase()}`);
    });
    byId("downloads").hidden = true;
    byId("downloads").append(button);
  }
}

function save(blob: Blob, name: string): void {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
