// SPDX-License-Identifier: Apache-2.0
// The preview tab: asks for the cards of one DAG run or task instance, and keeps them fresh while jobs run.

import { detail, make, tile } from "./show.js";
import { empty, matches, nameOf, unfinished } from "./words.js";

const FRESH_MS = 5000;
const byId = (id) => document.getElementById(id);
const [bar, filter, count, message, grid, viewer] =
  ["bar", "filter", "count", "message", "grid", "viewer"].map(byId);

const place = readPlace(location.search);
const tiles = new Map(); // card id -> { text, card, element }
let alone = null; // the text of the card that fills the page
let open = null; // id of the card in the viewer

// Airflow 3.1 puts run ids here as they are, and their plus signs are no spaces.
function readPlace(search) {
  const pairs = search.slice(1).split("&").map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), decodeURIComponent(pair.slice(at + 1))];
  });
  // What Airflow knows no value for it leaves in braces.
  return Object.fromEntries(pairs.filter(([, value]) => value && !/^\{.*\}$/.test(value)));
}

async function fetchCards() {
  const cards = [];
  let offset = 0;
  while (offset !== null) {
    const query = new URLSearchParams({ run_id: place.run_id, offset });
    for (const name of ["task_id", "map_index"]) if (place[name]) query.set(name, place[name]);
    const answer = await fetch(`dags/${encodeURIComponent(place.dag_id)}/cards?${query}`);
    if (!answer.ok) throw new Error(refusal(answer.status));
    const page = await answer.json();
    cards.push(...page.cards);
    offset = page.next;
  }
  return cards;
}

function refusal(status) {
  if (status === 401) return "Your session has ended. Load the page again to sign in.";
  if (status === 403) return "You may not see the results of this DAG.";
  return `Airflow answered with status ${status}.`;
}

function show(found) {
  const cards = place.task_id ? found : found.filter((card) => !empty(card));
  if (!cards.length) return say("No Kling task has started here yet.");
  say("");
  if (cards.length === 1 && place.task_id) return showAlone(cards[0]);
  bar.hidden = false;
  const present = new Set(cards.map((card) => card.id));
  for (const [id, { element }] of tiles) {
    if (!present.has(id)) { element.remove(); tiles.delete(id); }
  }
  for (const card of cards) showTile(card);
  applyFilter();
}

// A card that did not change keeps its element, and with it what is playing or in focus.
function showAlone(card) {
  const text = JSON.stringify(card);
  if (text === alone) return;
  alone = text;
  grid.className = "alone";
  grid.replaceChildren(make("li", {}, detail(card)));
}

function showTile(card) {
  const text = JSON.stringify(card);
  const known = tiles.get(card.id);
  if (known?.text === text) return;
  const button = tile(card);
  button.addEventListener("click", () => view(card.id));
  const element = known?.element ?? grid.appendChild(make("li"));
  const focused = element.contains(document.activeElement);
  element.replaceChildren(button);
  if (focused) button.focus();
  tiles.set(card.id, { text, card, element });
  if (open === card.id) view(card.id);
}

function applyFilter() {
  for (const { card, element } of tiles.values()) element.hidden = !matches(card, filter.value.trim());
  const found = visible().length;
  const working = [...tiles.values()].filter(({ card }) => unfinished(card)).length;
  const all = found === tiles.size ? `${found}` : `${found} of ${tiles.size}`;
  count.textContent = `${all} ${tiles.size === 1 ? "result" : "results"}${working ? `, ${working} in work` : ""}`;
}

const visible = () => [...tiles.keys()].filter((id) => !tiles.get(id).element.hidden);

function view(id) {
  const { card } = tiles.get(id);
  open = id;
  byId("viewer-title").textContent = nameOf(card);
  byId("viewer-body").replaceChildren(detail(card));
  const ids = visible();
  // Not `disabled`: that would take the focus away from whoever steps to the end with it.
  byId("previous").setAttribute("aria-disabled", ids.indexOf(id) <= 0);
  byId("next").setAttribute("aria-disabled", ids.indexOf(id) === ids.length - 1);
  if (!viewer.open) viewer.showModal();
}

function step(by) {
  const ids = visible();
  const id = ids[ids.indexOf(open) + by];
  if (id) view(id);
}

function closed() {
  byId("viewer-body").replaceChildren(); // ends what is playing
  const button = tiles.get(open)?.element.firstElementChild;
  open = null;
  button?.focus();
}

function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

async function refresh() {
  let again = true;
  if (!document.hidden) {
    try {
      const cards = await fetchCards();
      show(cards);
      again = !cards.length || cards.some(unfinished);
    } catch (error) {
      say(error.message);
      again = error instanceof TypeError; // no answer at all: perhaps the next time
    }
  }
  if (again) setTimeout(refresh, FRESH_MS);
}

// Airflow's pages keep the chosen theme here; a page of the same origin may read it.
function applyTheme() {
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage is switched off: follow the system */ }
  const fixed = chosen === "dark" || chosen === "light";
  document.documentElement.style.colorScheme = fixed ? chosen : "light dark";
}

applyTheme();
addEventListener("storage", applyTheme);
filter.addEventListener("input", applyFilter);
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => viewer.close());
viewer.addEventListener("close", closed);
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
viewer.addEventListener("keydown", (event) => {
  if (event.target.closest("video, audio")) return; // there the arrows seek
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});

if (place.dag_id && place.run_id) refresh();
else say("Open this page as the tab of a DAG run or a task instance.");
