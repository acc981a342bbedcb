// SPDX-License-Identifier: Apache-2.0
// Cards as elements. Texts are set as text, never as HTML: prompts are anybody's words.

import {
  chargeOf, expired, expiryOf, lengthOf, missingOf, nameOf, nextOf, safetyOf, snippetOf, standingOf, stateOf,
  stored, timeOf, troubled,
} from "./format.js";
import { outward } from "./theme.js";

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// A stored file first; the copy at Kling where that cannot be read, as one on another machine.
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

export function whenSeen(element, action) {
  element.addEventListener("seen", action, { once: true });
  seen.observe(element);
  return element;
}

// Small and silent; fetched only when it comes into view. A poster is a small file, and so comes first.
export function thumbnail(card, item) {
  const lazily = (element, suffix) => whenSeen(element, () => load(element, card, item, suffix));
  if (item.poster) {
    const image = make("img", { alt: "", decoding: "async" });
    image.addEventListener("error", () => image.replaceWith(thumbnail(card, { ...item, poster: null })));
    return whenSeen(image, () => { image.src = item.poster; });
  }
  if (item.media === "image") return lazily(make("img", { alt: "", decoding: "async" }));
  if (item.media === "video") {
    const video = make("video", { preload: "metadata", playsinline: "", tabindex: "-1", "aria-hidden": "true" });
    video.muted = true;
    // The first frame of a video is often black.
    return lazily(video, "#t=0.1");
  }
  return make("span", { class: "glyph", "aria-hidden": "true" }, "♪");
}

function player(card, item, number) {
  const title = `${nameOf(card)}, ${item.media} ${number + 1}`;
  const element = item.media === "image"
    ? make("img", { alt: card.prompt ?? title })
    : make(item.media, {
      controls: "", preload: "metadata", playsinline: "", "aria-label": title, poster: item.poster,
    });
  const source = sourcesOf(card, item)[0];
  const caption = make("figcaption", {},
    source ? make("a", { class: "button", href: source, download: "", target: "_blank", rel: "noopener" }, "Download")
      : null,
    item.path ? copyButton(item.path, "path") : null);
  const figure = make("figure", { class: item.media }, element, caption);
  // Once it is in the page, for a file that fails at once is replaced there.
  queueMicrotask(() => load(element, card, item));
  return figure;
}

function copyButton(text, what) {
  const label = what === "path" ? "Copy path" : "Copy";
  const button = make("button", { type: "button", class: "button", "aria-label": `Copy ${what}` }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without HTTPS browsers have no clipboard for scripts, but this still works.
      const area = make("textarea", { class: "offscreen", "aria-hidden": "true" });
      area.value = text;
      button.after(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  return button;
}

function copyable(term, value) {
  if (!value) return [];
  return [make("dt", {}, term),
    make("dd", { class: "path copyable" }, make("span", {}, String(value)), copyButton(String(value), term))];
}

// Where Airflow's UI shows the task's log.
export function logLink(card, place) {
  const parts = ["dags", place.dag_id, "runs", place.run_id, "tasks", card.task_id];
  if (card.map_index >= 0) parts.push("mapped", String(card.map_index));
  const href = `../${parts.map(encodeURIComponent).join("/")}`;
  return outward(make("a", { class: "button", href, target: "_top" }, "Log"));
}

export function trouble(card) {
  const snippet = snippetOf(card);
  return make("section", { class: "trouble" },
    make("h3", {}, card.state === "up_for_retry" ? "Failed, will be tried again" : "Failed"),
    make("p", { class: "error" }, standingOf(card)),
    nextOf(card) ? make("p", {}, nextOf(card)) : null,
    card.job ? make("p", { class: "copyable" }, make("span", {}, "Job "), make("code", {}, card.job),
      copyButton(card.job, "job id")) : null,
    snippet ? make("p", { class: "copyable" }, make("span", {}, "To store its result without a new job:"),
      copyButton(snippet, "snippet")) : null,
    snippet ? make("pre", {}, snippet) : null);
}

// Refused content that is a result: the reason, and the prompt.
function refusal(card) {
  return make("section", { class: "trouble refusal" },
    make("h3", {}, "Refused by Kling"),
    make("p", { class: "error" }, card.refused),
    card.prompt ? make("blockquote", {}, card.prompt) : null,
    make("p", {}, "The same content is refused again: change the prompt or the input."),
    card.row_state ? null
      : make("p", {}, "The task succeeded, because its DAG takes refusals as results (on_refused=\"return\")."),
    card.job ? make("p", { class: "copyable" }, make("span", {}, "Job "), make("code", {}, card.job),
      copyButton(card.job, "job id")) : null);
}

function row(term, value, attributes = {}) {
  return value === null || value === undefined || value === "" ? [] :
    [make("dt", {}, term), make("dd", attributes, String(value))];
}

// Without what the message next to them says.
function facts(card, place, message) {
  return make("dl", {},
    ...row("Prompt", message && card.refused ? null : card.prompt, { class: "prompt" }),
    ...row("Model", card.model),
    ...row("Length", lengthOf(card)),
    ...row("Charge", chargeOf(card) ?? (card.items.length ? "not reported by Kling" : null)),
    ...row("At Kling", expiryOf(card)),
    ...row("Stored at", card.items.map((item) => item.path).filter(Boolean).join("\n"), { class: "path" }),
    ...row("Submitted", timeOf(card.created_at)),
    ...row("Finished", card.items.length ? timeOf(card.updated_at) : null),
    ...row("Check", card.check),
    ...row("Endpoint", card.endpoint),
    ...copyable("Job", message ? null : card.job),
    ...row("Task", `${card.task_id}${card.map_index >= 0 ? ` [${card.map_index}]` : ""}, try ${card.try_number}`),
    ...row("Labels", Object.entries(card.labels ?? {}).map(([key, value]) => `${key}: ${value}`).join("\n")),
    ...row("State", (stateOf(card) ?? "not scheduled yet").replaceAll("_", " ")),
    ...(place ? [make("dt", {}, "Airflow"), make("dd", {}, logLink(card, place))] : []),
  );
}

export function detail(card, place) {
  const shown = card.items.map((item, number) => player(card, item, number));
  const stage = make("div", { class: shown.length > 1 ? "stage many" : "stage" }, ...shown);
  const message = card.refused ? refusal(card) : !shown.length && troubled(card) ? trouble(card) : null;
  if (message) stage.append(message);
  else if (!shown.length) stage.append(make("p", { class: "missing" }, standingOf(card)));
  return make("article", { class: "detail" }, stage, facts(card, place, message));
}

function stateMark(card) {
  if (card.check && card.check !== "passed") return make("span", { class: "mark failed" }, "check failed");
  const state = stateOf(card);
  return state === "success" || state === "done" ? null
    : make("span", { class: `mark ${state ?? ""}` }, (state ?? "not scheduled").replaceAll("_", " "));
}

export function tile(card) {
  const [first] = card.items;
  const stage = make("span", { class: "thumb" },
    stateMark(card),
    first ? thumbnail(card, first) : make("span", { class: "standing" }, standingOf(card)));
  if (card.items.length > 1) stage.append(make("span", { class: "badge" }, `${card.items.length}`));
  const brief = [card.model, lengthOf(card), chargeOf(card)].filter(Boolean).join(" · ");
  return make("button", { type: "button", class: `card ${card.state ?? "none"}` },
    stage,
    make("span", { class: "name" }, nameOf(card)),
    make("span", { class: "prompt-line" }, card.prompt ?? ""),
    make("span", { class: "brief" }, brief),
    make("span", { class: expired(card) && !stored(card) ? "brief gone" : "brief" },
      safetyOf(card)));
}
