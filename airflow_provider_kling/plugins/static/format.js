// SPDX-License-Identifier: Apache-2.0
// The texts of a card: no elements.

const DAY = 86_400_000;
const HOUR = 3_600_000;
const ENDED = new Set(["success", "failed", "upstream_failed", "skipped", "removed"]);

export const unfinished = (card) => !ENDED.has(card.state);

// Tasks that make no files, such as sweeps, are not listed among images and videos.
export const empty = (card) => card.state === "success" && !card.items.length && !card.batch && !card.refused;

// The state that a mark shows: a refused result is a green task.
export const stateOf = (card) => card.row_state ?? (card.refused ? "refused" : card.state);

export const nameOf = (card) =>
  card.label ?? (card.map_index >= 0 ? `${card.task_id} [${card.map_index}]` : card.task_id);

export const expired = (card, now = Date.now()) => card.expires_at !== null && card.expires_at <= now;

export const stored = (card) => card.items.length > 0 && card.items.every((item) => item.path);

export function lengthOf(card) {
  const seconds = card.items.map((item) => item.seconds).filter((value) => value !== null);
  const total = seconds.reduce((sum, value) => sum + value, 0);
  return seconds.length ? `${Number(total.toFixed(1))} s` : null;
}

export const chargeOf = (card) => {
  const cash = (card.charges ?? []).filter((row) => row.type === "cash" && row.amount !== null);
  const units = card.units ?? null;
  const words = units === null ? [] : [`${units} ${Number(units) === 1 ? "unit" : "units"}`];
  words.push(...cash.map((row) => `${row.amount} ${row.currency ?? "in cash"}`));
  return words.length ? words.join(" + ") : null;
};

export function expiryOf(card, now = Date.now()) {
  if (!card.expires_at) return null;
  if (expired(card, now)) return `deleted on ${dayOf(card.expires_at)}`;
  return `until ${dayOf(card.expires_at)}, ${leftOf(card, now)}`;
}

function leftOf(card, now) {
  const left = card.expires_at - now;
  // Of the last two days each hour counts.
  if (left < 2 * DAY) return left < HOUR ? "less than an hour" : counted(Math.floor(left / HOUR), "hour");
  return counted(Math.round(left / DAY), "day");
}

// The one thing to know of a result's safety, in the width of a tile.
export function safetyOf(card, now = Date.now()) {
  if (!card.items.length) return (stateOf(card) ?? "not scheduled yet").replaceAll("_", " ");
  if (stored(card)) return "stored";
  if (!card.expires_at) return "not stored";
  return expired(card, now) ? "deleted" : `not stored, at Kling for ${leftOf(card, now)}`;
}

const dayOf = (time) => new Date(time).toLocaleDateString(undefined, { dateStyle: "medium" });

export const timeOf = (time) =>
  time ? new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : null;

export function standingOf(card) {
  if (card.refused) return `Refused: ${card.refused}`;
  if (card.error) return card.error;
  if (card.state === "failed") {
    const job = card.job ? ` Job ${card.job} may continue at Kling and be charged.` : "";
    return `The task failed; its log says why.${job}`;
  }
  if (card.state === "success") return "There is no image, video or audio to show.";
  if (!unfinished(card)) return `The task is ${card.state.replaceAll("_", " ")}.`;
  if (card.state === "up_for_retry") return "The task failed and will be tried again.";
  return card.job ? workingOf(card) : "Nothing was submitted yet.";
}

const UNWATCHED_MS = 300_000;

// What is known of a job that has not ended: only the process that polls Kling knows whether it runs.
export function workingOf(card, now = Date.now()) {
  const age = card.seen_at ? now - card.seen_at : null;
  const who = card.state === "deferred" ? "triggerer" : "worker";
  if (age !== null && age > UNWATCHED_MS) {
    const start = who === "triggerer" ? " Start one: airflow triggerer." : "";
    return `No ${who} has polled job ${card.job} for ${spanOf(age)}.${start} The job continues at Kling.`;
  }
  if (card.state === "deferred" && card.watched === false) {
    return `No triggerer has taken job ${card.job} yet. If it stays so, start one: airflow triggerer.`;
  }
  const seen = age === null ? "" : `; the ${who} was seen ${spanOf(age)} ago`;
  return `Kling is working on job ${card.job}${seen}.`;
}

function spanOf(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

export const troubled = (card) => card.state === "failed" || card.state === "up_for_retry";

// Kling has ended the job without a result: there is nothing to attach to, and nothing to store.
const lost = (card) => ["KlingTaskFailed", "KlingContentRefused", "KlingResultExpired"].includes(card.error_type);

// What a retry and a clear would do, where the error itself does not name it.
export function nextOf(card) {
  if (!troubled(card) || !card.job) return null;
  if (lost(card)) return "A retry or a clear makes a new job, which is charged.";
  if (card.error) return null;
  return "A retry of this task attaches to the job, or stops rather than pay twice; a clear makes a new one, " +
    "which is charged.";
}

// A task for a DAG that stores the result of the job.
export function snippetOf(card) {
  if (!troubled(card) || !card.job || !card.endpoint || lost(card)) return null;
  const lines = [
    "from airflow_provider_kling.operators.results import KlingFetchResultOperator",
    "",
    "KlingFetchResultOperator(",
    `    task_id="fetch_${card.job.replace(/[^A-Za-z0-9_.-]/g, "_")}",`,
    `    endpoint=${JSON.stringify(card.endpoint)},`,
    `    kling_task_id=${JSON.stringify(card.job)},`,
    card.conn_id && card.conn_id !== "kling_default" ? `    kling_conn_id=${JSON.stringify(card.conn_id)},` : null,
    `    output_path=${JSON.stringify(card.output_path ?? "s3://connection@bucket/folder")},`,
    ")",
  ];
  return lines.filter((line) => line !== null).join("\n");
}

const numberOf = (value) => {
  const number = value === null || value === undefined || value === "" ? NaN : Number(value);
  return Number.isFinite(number) ? number : null;
};

export const counted = (number, noun) => `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;

// Jobs, units and dollars of all cards, as far as Kling reports them. Batches count with their numbers.
export function totalsOf(cards, batches = new Map()) {
  const models = new Map();
  const jobs = new Set();
  const all = { jobs: 0, units: null, usd: null };
  const add = (into, values) => {
    into.jobs += values.jobs;
    for (const name of ["units", "usd"]) {
      if (values[name] !== null) into[name] = (into[name] ?? 0) + values[name];
    }
  };
  const count = (model, values) => {
    add(all, values);
    if (!model) return;
    if (!models.has(model)) models.set(model, { jobs: 0, units: null, usd: null });
    add(models.get(model), values);
  };
  for (const card of cards) {
    const numbers = card.batch ? batches.get(card.id) : null;
    if (numbers) {
      for (const each of numbers.models) {
        count(each.model, { jobs: each.jobs, units: numberOf(each.units), usd: numberOf(each.usd) });
      }
    } else if (card.job && !jobs.has(card.job)) {
      jobs.add(card.job);
      count(card.model, { jobs: 1, units: numberOf(card.units), usd: numberOf(card.usd) });
    }
  }
  const single = models.size > 1 ? [...models].map(([model, values]) => `${model}: ${sumOf(values)}`) : [];
  return { text: sumOf(all), models: single };
}

function sumOf({ jobs, units, usd }) {
  const parts = [counted(jobs, "job")];
  if (units !== null) parts.push(counted(Number(units.toFixed(2)), "unit"));
  if (usd) parts.push(`about $${usd < 1 ? usd.toFixed(3).replace(/0$/, "") : usd.toFixed(2)}`);
  return parts.join(", ");
}

export function missingOf(card) {
  if (expired(card)) return `Kling has deleted this file (${dayOf(card.expires_at)}), and no copy was stored.`;
  return "This file cannot be shown from here.";
}

// Every word of the filter must occur somewhere in the texts of a card.
export function matches(card, words) {
  const said = [nameOf(card), card.task_id, stateOf(card), card.refused, card.prompt, card.model, card.endpoint, card.job]
    .concat(card.items.map((item) => item.media), card.external_id)
    .join("\n")
    .toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => said.includes(word));
}
