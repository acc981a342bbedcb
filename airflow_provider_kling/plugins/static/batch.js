// SPDX-License-Identifier: Apache-2.0
// A batch: its progress, and its rows a page at a time. The server filters and pages; a batch may have 100,000 rows.

import { counted, nameOf, unfinished } from "./format.js";
import { logLink, make, thumbnail, tile, trouble } from "./render.js";

const PAGE = 100;
const STRIP = 12;
const GROUPS = ["done", "running", "waiting", "refused", "failed"];
const STATES = { done: "success", submitted: "running", open: null, planned: "queued" };

export async function fetchBatch(card, query = {}) {
  const answer = await fetch(`${card.batch.url}&${new URLSearchParams(query)}`);
  if (answer.ok) return answer.json();
  const { detail: why } = await answer.json().catch(() => ({}));
  throw new Error(why ?? `Airflow answered with status ${answer.status}.`);
}

// A row in the form of a card, to be shown as results of single tasks are.
export function rowCard(row, card) {
  const ended = row.state === "done" || !(row.state in STATES);
  return {
    ...card, ...row, batch: null, label: `Row ${row.number}`, row_state: row.state,
    state: row.state in STATES ? STATES[row.state] : "failed",
    error: row.error, refused: row.state === "refused" ? row.error ?? "no reason was reported" : null,
    error_type: row.state === "unknown" ? null : "KlingTaskFailed",
    endpoint: card.batch.endpoint, expires_at: null, updated_at: null, ended,
  };
}

function bar(numbers) {
  const parts = GROUPS.filter((group) => group !== "waiting" && numbers.counts[group]);
  const element = make("span", {
    class: "progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": numbers.total,
    "aria-valuenow": numbers.counts.done, "aria-label": "Rows done",
  });
  for (const group of parts) {
    const part = make("span", { class: group });
    part.style.width = `${(numbers.counts[group] / Math.max(numbers.total, 1)) * 100}%`;
    element.append(part);
  }
  return element;
}

const number = (value) => Number(value).toLocaleString("en-US");

export function countsText(numbers) {
  const rest = GROUPS.slice(1).filter((group) => numbers.counts[group]);
  return [`${number(numbers.counts.done)} of ${counted(numbers.total, "row")} done`,
    ...rest.map((group) => `${number(numbers.counts[group])} ${group}`)].join(", ");
}

export function costText(card, numbers) {
  const unit = card.batch.unit ? `${card.batch.unit} ` : "";
  const of = Number(card.batch.units_estimated) > 0 ? ` of about ${number(card.batch.units_estimated)} estimated` : "";
  const cash = Object.entries(numbers.cash).map(([currency, amount]) => ` and ${amount} ${currency}`).join("");
  return `${number(numbers.units)} ${unit}units${cash} charged${of}`;
}

// The batch among the other results of a run: numbers, and the first of its results.
export function batchTile(card, numbers, error) {
  const strip = make("span", { class: "strip" });
  for (const row of numbers?.rows.slice(0, STRIP) ?? []) {
    const shown = rowCard(row, card);
    if (shown.items.length) strip.append(make("span", { class: "thumb" }, thumbnail(shown, shown.items[0])));
  }
  return make("button", { type: "button", class: `card batch ${card.state ?? "none"}` },
    make("span", { class: "heading" }, make("span", { class: "name" }, nameOf(card)),
      make("span", { class: "mark" }, (card.state ?? "not scheduled").replaceAll("_", " "))),
    numbers ? bar(numbers) : null,
    make("span", { class: "brief" }, numbers ? countsText(numbers) : error ?? "Reading the rows ..."),
    numbers ? make("span", { class: "brief" }, costText(card, numbers)) : null,
    strip.children.length ? strip : null,
    make("span", { class: "more" }, numbers ? `Show all ${counted(numbers.total, "row")}` : "Show the rows"));
}

export const fetchStrip = (card) => fetchBatch(card, { group: "done", limit: STRIP });

// The page of a batch.
export class BatchView {
  constructor(container, place, viewer) {
    this.container = container;
    this.place = place;
    this.viewer = viewer;
    this.query = { group: "", words: "", offset: 0 };
    this.tiles = new Map();
    this.asked = 0;
    this.build();
  }

  build() {
    this.head = make("div", { class: "batch-head" });
    this.trouble = make("div");
    this.chips = make("div", { class: "chips", role: "group", "aria-label": "Rows to show" });
    this.filter = make("input", {
      type: "search", id: "row-filter", autocomplete: "off", spellcheck: "false", placeholder: "prompt, model, job, label ...",
    });
    this.filter.addEventListener("input", () => {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.ask({ words: this.filter.value.trim(), offset: 0 }), 250);
    });
    this.found = make("p", { class: "count", role: "status" });
    this.grid = make("ul", { class: "grid" });
    this.pager = make("nav", { class: "pager", "aria-label": "Pages" });
    this.sheet = make("figure", { class: "sheet", hidden: "" });
    const label = make("label", { for: "row-filter" }, "Filter");
    this.container.replaceChildren(this.head, this.trouble, this.sheet,
      make("div", { class: "tools" }, this.chips, label, this.filter, this.found), this.grid, this.pager);
  }

  // Called whenever Airflow was asked again.
  async update(card) {
    const again = !this.card || unfinished(card) || JSON.stringify(card) !== JSON.stringify(this.card);
    this.card = card;
    if (again) await this.ask();
  }

  async ask(changes = {}) {
    Object.assign(this.query, changes);
    const turn = ++this.asked;
    try {
      const answer = await fetchBatch(this.card, { ...this.query, limit: PAGE });
      if (turn === this.asked) this.show(answer);
    } catch (error) {
      if (turn === this.asked) this.found.textContent = error.message;
    }
  }

  show(answer) {
    const { card } = this;
    const state = make("span", { class: `mark ${card.state ?? ""}` }, (card.state ?? "not scheduled").replaceAll("_", " "));
    this.head.replaceChildren(
      make("h2", {}, nameOf(card)), state, logLink(card, this.place), bar(answer),
      make("p", { class: "batch-numbers" }, countsText(answer)), make("p", {}, costText(card, answer)));
    this.trouble.replaceChildren(...(card.state === "failed" || card.state === "up_for_retry" ? [trouble(card)] : []));
    this.showSheet(answer);
    this.showChips(answer);
    this.showRows(answer.rows);
    this.showPager(answer);
  }

  showSheet({ counts }) {
    if (this.sheet.firstChild || unfinished(this.card) || !counts.done) return;
    const image = make("img", { alt: "Contact sheet of the batch", src: this.card.batch.sheet });
    image.addEventListener("load", () => { this.sheet.hidden = false; });
    const link = make("a", { class: "button", href: this.card.batch.sheet, download: "contact-sheet.jpg" }, "Download");
    this.sheet.replaceChildren(make("details", {}, make("summary", {}, "Contact sheet"), image, link));
  }

  showChips({ total, counts }) {
    const chip = (group, text) => {
      const button = make("button", { type: "button", class: "chip", "aria-pressed": this.query.group === group, "data-group": group }, text);
      button.addEventListener("click", () => this.ask({ group, offset: 0 }));
      return button;
    };
    const shown = GROUPS.filter((group) => group !== "waiting");
    const focused = this.chips.contains(document.activeElement) ? document.activeElement.dataset.group : null;
    this.chips.replaceChildren(chip("", `All ${number(total)}`), ...shown.map((group) => chip(group, `${group} ${number(counts[group])}`)));
    if (focused !== null) this.chips.querySelector(`[data-group="${focused}"]`)?.focus();
  }

  showRows(rows) {
    const present = new Set(rows.map((row) => row.id));
    for (const [id, { element }] of this.tiles) {
      if (!present.has(id)) { element.remove(); this.tiles.delete(id); }
    }
    rows.forEach((row, at) => {
      const text = JSON.stringify(row);
      const known = this.tiles.get(row.id);
      const element = known?.element ?? make("li");
      if (known?.text !== text) {
        const shown = rowCard(row, this.card);
        const button = tile(shown);
        button.addEventListener("click", () => this.open(row.id));
        const focused = element.contains(document.activeElement);
        element.replaceChildren(button);
        if (focused) button.focus();
        this.tiles.set(row.id, { text, card: shown, element });
      }
      if (this.grid.children[at] !== element) this.grid.insertBefore(element, this.grid.children[at] ?? null);
    });
  }

  showPager({ found, offset }) {
    const last = Math.min(offset + PAGE, found);
    this.found.textContent = found ? `${number(offset + 1)}-${number(last)} of ${number(found)}` : "No such rows.";
    this.pager.hidden = found <= PAGE;
    const step = (text, to, allowed) => {
      const button = make("button", { type: "button", class: "button", "aria-disabled": !allowed }, text);
      button.addEventListener("click", () => allowed && this.ask({ offset: to }).then(() => this.head.scrollIntoView()));
      return button;
    };
    this.pager.replaceChildren(
      step("Previous page", Math.max(0, offset - PAGE), offset > 0),
      make("span", {}, `Page ${number(Math.floor(offset / PAGE) + 1)} of ${number(Math.ceil(found / PAGE) || 1)}`),
      step("Next page", offset + PAGE, last < found));
  }

  open(id) {
    const ids = [...this.tiles.keys()].sort((a, b) => this.tiles.get(a).card.number - this.tiles.get(b).card.number);
    this.viewer.open(ids, id, {
      card: (each) => this.tiles.get(each).card,
      button: (each) => this.tiles.get(each)?.element.firstElementChild,
      more: (each) => this.request(each),
    });
  }

  // The whole prompt; the ledger has its beginning only.
  async request(id) {
    const { card } = this.tiles.get(id);
    if (!card.items.length) return card;
    const answer = await fetch(card.request).catch(() => null);
    return answer?.ok ? { ...card, ...(await answer.json()) } : card;
  }
}
