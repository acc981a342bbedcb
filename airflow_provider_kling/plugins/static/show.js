// SPDX-License-Identifier: Apache-2.0
// Cards as elements. Texts are set as text, never as HTML: prompts are anybody's words.

import {
  chargeOf, expired, expiryOf, kept, lengthOf, missingOf, nameOf, safetyOf, standingOf, timeOf,
} from "./words.js";

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// A landed file first; the copy at Kling where that cannot be read, as on a machine of its own.
const sourcesOf = (card, item) => [item.file, expired(card) ? null : item.url].filter(Boolean);

function load(element, card, item, suffix = "") {
  const sources = sourcesOf(card, item);
  const next = () => {
    const source = sources.shift();
    if (source) element.src = source + suffix;
    else element.replaceWith(make("p", { class: "missing" }, missingOf(card)));
  };
  element.addEventListener("error", next);
  next();
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    target.dispatchEvent(new Event("seen"));
  }
}, { rootMargin: "300px" });

// Small and silent; fetched only when it comes into view.
function thumbnail(card, item) {
  const lazily = (element, suffix) => {
    element.addEventListener("seen", () => load(element, card, item, suffix), { once: true });
    seen.observe(element);
    return element;
  };
  if (item.media === "image") return lazily(make("img", { alt: "", decoding: "async" }));
  if (item.media === "video") {
    const video = make("video", { preload: "metadata", playsinline: "", tabindex: "-1", "aria-hidden": "true" });
    video.muted = true;
    // The first picture of a film is often black.
    return lazily(video, "#t=0.1");
  }
  return make("span", { class: "glyph", "aria-hidden": "true" }, "♪");
}

function player(card, item, number) {
  const title = `${nameOf(card)}, ${item.media} ${number + 1}`;
  const element = item.media === "image"
    ? make("img", { alt: card.prompt ?? title })
    : make(item.media, { controls: "", preload: "metadata", playsinline: "", "aria-label": title });
  const figure = make("figure", { class: item.media }, element);
  // Once it is in the page, for a file that fails at once is replaced there.
  queueMicrotask(() => load(element, card, item));
  return figure;
}

function row(term, value, attributes = {}) {
  return value === null || value === undefined || value === "" ? [] :
    [make("dt", {}, term), make("dd", attributes, String(value))];
}

function facts(card) {
  return make("dl", {},
    ...row("Prompt", card.prompt, { class: "prompt" }),
    ...row("Model", card.model),
    ...row("Length", lengthOf(card)),
    ...row("Charge", chargeOf(card) ?? (card.items.length ? "not told by Kling" : null)),
    ...row("At Kling", expiryOf(card)),
    ...row("Kept at", card.items.map((item) => item.path).filter(Boolean).join("\n"), { class: "path" }),
    ...row("Submitted", timeOf(card.created_at)),
    ...row("Finished", card.items.length ? timeOf(card.updated_at) : null),
    ...row("Endpoint", card.endpoint),
    ...row("Job", card.job, { class: "path" }),
    ...row("Task", `${card.task_id}${card.map_index >= 0 ? ` [${card.map_index}]` : ""}, try ${card.try_number}`),
    ...row("State", card.state ?? "not scheduled yet"),
  );
}

export function detail(card) {
  const shown = card.items.map((item, number) => player(card, item, number));
  const stage = make("div", { class: shown.length > 1 ? "stage many" : "stage" }, ...shown);
  if (!shown.length) stage.append(make("p", { class: "missing" }, standingOf(card)));
  return make("article", { class: "detail" }, stage, facts(card));
}

export function tile(card) {
  const [first] = card.items;
  const stage = make("span", { class: "thumb" },
    first ? thumbnail(card, first) : make("span", { class: "standing" }, standingOf(card)));
  if (card.items.length > 1) stage.append(make("span", { class: "badge" }, `${card.items.length}`));
  const brief = [card.model, lengthOf(card), chargeOf(card)].filter(Boolean).join(" · ");
  return make("button", { type: "button", class: `card ${card.state ?? "none"}` },
    stage,
    make("span", { class: "name" }, nameOf(card)),
    make("span", { class: "words" }, card.prompt ?? ""),
    make("span", { class: "brief" }, brief),
    make("span", { class: expired(card) && !kept(card) ? "brief gone" : "brief" },
      safetyOf(card)));
}
