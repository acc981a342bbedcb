// SPDX-License-Identifier: Apache-2.0
// One result at a time, over the page: a click or the Enter key opens it, the arrow keys go to its neighbours.

import { nameOf } from "./format.js";
import { detail } from "./render.js";

const byId = (id) => document.getElementById(id);

export class Viewer {
  constructor(place) {
    this.place = place;
    this.dialog = byId("viewer");
    this.ids = [];
    this.id = null;
    byId("previous").addEventListener("click", () => this.step(-1));
    byId("next").addEventListener("click", () => this.step(1));
    byId("close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.target.closest("video, audio")) return; // there the arrows seek
      if (event.key === "ArrowLeft") this.step(-1);
      if (event.key === "ArrowRight") this.step(1);
    });
  }

  // `source` gives cards and buttons by id, and perhaps `more`: a card with what takes longer to read.
  open(ids, id, source) {
    this.ids = ids;
    this.source = source;
    this.show(id);
  }

  async show(id) {
    this.id = id;
    const card = this.source.card(id);
    this.fill(card);
    // Not `disabled`: that would take the focus away from a person who steps to the end with it.
    byId("previous").setAttribute("aria-disabled", this.ids.indexOf(id) <= 0);
    byId("next").setAttribute("aria-disabled", this.ids.indexOf(id) === this.ids.length - 1);
    if (!this.dialog.open) this.dialog.showModal();
    if (!this.source.more) return;
    const whole = await this.source.more(id);
    const prompt = byId("viewer-body").querySelector("dd.prompt");
    if (this.id === id && prompt && whole.prompt) prompt.textContent = whole.prompt;
  }

  fill(card) {
    byId("viewer-title").textContent = nameOf(card);
    byId("viewer-body").replaceChildren(detail(card, this.place));
  }

  refresh(id) {
    if (this.id === id && this.dialog.open) this.fill(this.source.card(id));
  }

  step(by) {
    const id = this.ids[this.ids.indexOf(this.id) + by];
    if (id !== undefined) this.show(id);
  }

  closed() {
    byId("viewer-body").replaceChildren(); // ends what is playing
    const button = this.source?.button(this.id);
    this.id = null;
    button?.focus();
  }
}
