// SPDX-License-Identifier: Apache-2.0
// What the preview says about a card: text only, no elements.

const DAY = 86_400_000;
const ENDED = new Set(["success", "failed", "upstream_failed", "skipped", "removed"]);

export const unfinished = (card) => !ENDED.has(card.state);

// Tasks that make no files, such as sweeps and batches, have no place among pictures.
export const empty = (card) => card.state === "success" && !card.items.length;

export const nameOf = (card) =>
  card.label ?? (card.map_index >= 0 ? `${card.task_id} [${card.map_index}]` : card.task_id);

export const expired = (card, now = Date.now()) => card.expires_at !== null && card.expires_at <= now;

export const kept = (card) => card.items.length > 0 && card.items.every((item) => item.path);

export function lengthOf(card) {
  const seconds = card.items.map((item) => item.seconds).filter((value) => value !== null);
  const total = seconds.reduce((sum, value) => sum + value, 0);
  return seconds.length ? `${Number(total.toFixed(1))} s` : null;
}

export const chargeOf = (card) => {
  if (card.units === null || card.units === undefined) return null;
  return `${card.units} ${Number(card.units) === 1 ? "unit" : "units"}`;
};

export function expiryOf(card, now = Date.now()) {
  if (!card.expires_at) return null;
  if (expired(card, now)) return `deleted on ${dayOf(card.expires_at)}`;
  return `until ${dayOf(card.expires_at)}, ${leftOf(card, now)}`;
}

function leftOf(card, now) {
  const days = Math.floor((card.expires_at - now) / DAY);
  if (days < 1) return "less than a day";
  return `${days} ${days === 1 ? "day" : "days"}`;
}

// The one thing to know of a result's safety, in the width of a tile.
export function safetyOf(card, now = Date.now()) {
  if (!card.items.length) return (card.state ?? "not scheduled yet").replaceAll("_", " ");
  if (kept(card)) return "kept";
  if (!card.expires_at) return "not kept";
  return expired(card, now) ? "gone" : `not kept, at Kling for ${leftOf(card, now)}`;
}

const dayOf = (time) => new Date(time).toLocaleDateString(undefined, { dateStyle: "medium" });

export const timeOf = (time) =>
  time ? new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : null;

export function standingOf(card) {
  if (card.state === "failed") return "The task failed; its log says why.";
  if (card.state === "success") return "There is no picture, video or sound to show.";
  if (!unfinished(card)) return `The task is ${card.state.replaceAll("_", " ")}.`;
  if (card.state === "up_for_retry") return "The task failed and will be tried again.";
  return card.job ? `Kling is working on job ${card.job}.` : "Nothing was submitted yet.";
}

export function missingOf(card) {
  if (expired(card)) return `Kling has deleted this file (${dayOf(card.expires_at)}), and no copy was kept.`;
  return "This file cannot be shown from here.";
}

// Every word that is looked for must occur somewhere in what a card says.
export function matches(card, words) {
  const said = [nameOf(card), card.task_id, card.state, card.prompt, card.model, card.endpoint, card.job]
    .concat(card.items.map((item) => item.media), card.external_id)
    .join("\n")
    .toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => said.includes(word));
}
