// A table that sorts by the buttons in its head, and keeps its rows' elements while figures change.

import {make, put} from "./dom";

export interface Column<Row> {
  title: string;
  text: (row: Row) => string;
  /** What to sort by; its type says how the column is aligned. */
  sort: (row: Row) => number | string;
  /** May be broken, and takes the room that is left. */
  wide?: boolean;
  /** Instead of the text. */
  fill?: (cell: HTMLElement, row: Row) => void;
}

export interface Options<Row> {
  title: string;
  columns: Column<Row>[];
  key: (row: Row) => string;
  /** Whether the row tells of something bad. */
  bad?: (row: Row) => boolean;
  /** Column and direction at first; without it the rows stay as they come. */
  sorted?: {column: number; down: boolean};
}

export class Table<Row> {
  readonly element: HTMLElement;
  private readonly heading = make("h2");
  private readonly note = make("p", "note");
  private readonly body = make("tbody");
  private readonly heads: HTMLElement[] = [];
  private readonly elements = new Map<string, HTMLTableRowElement>();
  private rows: Row[] = [];
  private order: {column: number; down: boolean} | undefined;

  constructor(private readonly options: Options<Row>) {
    this.order = options.sorted;
    put(this.heading, options.title);
    const scroll = make("div", "scroll", make("table", "", make("thead", "", this.head()), this.body));
    // Reached by keys, so that what is wider than a phone can be scrolled without a finger.
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", options.title);
    this.element = make("section", "", this.heading, scroll, this.note);
    this.element.hidden = true;
    this.note.hidden = true;
  }

  /** Shows these rows; without any the table is not there. The note stands below. */
  show(rows: Row[], note = ""): void {
    this.rows = rows;
    this.element.hidden = rows.length === 0;
    put(this.note, note);
    this.note.hidden = note === "";
    this.render();
  }

  private head(): HTMLElement {
    const row = make("tr");
    this.options.columns.forEach((column, index) => {
      const button = make("button", "", column.title);
      button.type = "button";
      button.addEventListener("click", () => this.sortBy(index));
      const head = make("th", column.wide ? "wide" : "", button);
      head.scope = "col";
      this.heads.push(head);
      row.append(head);
    });
    return row;
  }

  private sortBy(column: number): void {
    const numeric = this.isNumeric(column);
    // Large figures first, names from A.
    const down = this.order?.column === column ? !this.order.down : numeric;
    this.order = {column, down};
    this.render();
  }

  private isNumeric(column: number): boolean {
    const [row] = this.rows;
    return row !== undefined && typeof this.options.columns[column]!.sort(row) === "number";
  }

  private sorted(): Row[] {
    const order = this.order;
    if (!order) return this.rows;
    const by = this.options.columns[order.column]!.sort;
    const sign = order.down ? -1 : 1;
    return [...this.rows].sort((a, b) => sign * compare(by(a), by(b)));
  }

  private render(): void {
    this.heads.forEach((head, index) => {
      head.classList.toggle("number", this.isNumeric(index));
      const order = this.order?.column === index ? (this.order.down ? "descending" : "ascending") : "none";
      head.setAttribute("aria-sort", order);
    });
    const rows = this.sorted().map((row) => this.row(row));
    const keep = new Set(rows);
    for (const [key, element] of this.elements) {
      if (!keep.has(element)) this.elements.delete(key);
    }
    // Moving an element takes the focus from what is in it.
    if (rows.length !== this.body.rows.length || rows.some((row, index) => this.body.rows[index] !== row)) {
      this.body.replaceChildren(...rows);
    }
  }

  private row(row: Row): HTMLTableRowElement {
    const key = this.options.key(row);
    const element = this.elements.get(key) ?? this.newRow(key);
    element.classList.toggle("bad", this.options.bad?.(row) ?? false);
    this.options.columns.forEach((column, index) => {
      const cell = element.cells[index]!;
      cell.classList.toggle("number", typeof column.sort(row) === "number");
      if (column.fill) column.fill(cell, row);
      else put(cell, column.text(row));
    });
    return element;
  }

  private newRow(key: string): HTMLTableRowElement {
    const cells = this.options.columns.map((column) => make("td", column.wide ? "wide" : ""));
    const element = make("tr", "", ...cells);
    this.elements.set(key, element);
    return element;
  }
}

function compare(a: number | string, b: number | string): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
