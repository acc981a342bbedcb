// SPDX-License-Identifier: Apache-2.0
// The preview tab: asks for the cards of one DAG run or task instance, and refreshes them while jobs run.

import { BatchView, batchTile, fetchStrip } from "./batch.js";
import { counted, empty, matches, totalsOf, unfinished } from "./format.js";
import { detail, make, tile, whenSeen } from "./render.js";
import { followTheme, framed, leavesFrame, outward } from "./theme.js";
import { Viewer } from "./viewer.js";

const FRESH_MS = 5000;
const byId = (id) => document.getElementById(id);
const [bar, filter, count, message, grid, batchPage] = ["bar", "filter", "count", "message", "grid", "batch"].map(byId);

const place = readPlace(location.search);
const tiles = new Map(); // card id -> { text, card, element }
const numbers = new Map(); // card id of a batch -> its numbers and first rows
const viewer = new Viewer(place);
let alone = null; // the text of the card that fills the page
let partial = false; // pages of the run are still to come
let batchView = null; // the batch that fills the page

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
    partial = offset !== null;
    if (offset !== null && !tiles.size) show(cards); // the first page need not wait for the others
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
  if (!cards.length) return report("No Kling task has started here yet.");
  report("");
  if (cards.length === 1 && place.task_id) return showAlone(cards[0]);
  bar.hidden = batchView !== null;
  const present = new Set(cards.map((card) => card.id));
  for (const [id, { element }] of tiles) {
    if (!present.has(id)) { element.remove(); tiles.delete(id); }
  }
  for (const card of cards) showTile(card);
  // In the order of the run, which changes as tasks start; what has not moved is not touched.
  cards.forEach((card, at) => {
    const { element } = tiles.get(card.id);
    if (grid.children[at] !== element) grid.insertBefore(element, grid.children[at] ?? null);
  });
  applyFilter();
  const opened = batchView && cards.find((card) => card.id === batchView.card?.id);
  if (opened) batchView.update(opened);
}

// A card that did not change retains its element, and with it what is playing or in focus.
function showAlone(card) {
  if (card.batch) {
    batchPage.hidden = false;
    batchView ??= new BatchView(byId("batch-body"), place, viewer);
    batchView.update(card);
    return;
  }
  const text = JSON.stringify(card);
  if (text === alone) return;
  alone = text;
  grid.className = "grid alone";
  grid.replaceChildren(make("li", {}, detail(card, place)));
}

function showTile(card) {
  if (card.batch) return showBatchTile(card);
  const text = JSON.stringify(card);
  const known = tiles.get(card.id);
  if (known?.text === text) return;
  const button = tile(card);
  button.addEventListener("click", () => view(card.id));
  replaceTile(card, text, button);
  viewer.refresh(card.id);
}

function replaceTile(card, text, button) {
  const element = tiles.get(card.id)?.element ?? grid.appendChild(make("li"));
  const focused = element.contains(document.activeElement);
  element.replaceChildren(button);
  element.className = card.batch ? "wide" : "";
  if (focused) button.focus();
  tiles.set(card.id, { text, card, element });
}

function showBatchTile(card, error = null) {
  const text = JSON.stringify([card, numbers.get(card.id), error]);
  const known = tiles.get(card.id);
  if (known?.text !== text) {
    const button = batchTile(card, numbers.get(card.id), error);
    button.addEventListener("click", () => openBatch(card.id));
    replaceTile(card, text, button);
  }
  const settled = numbers.get(card.id)?.settled === JSON.stringify(card);
  if (!settled) whenSeen(tiles.get(card.id).element, () => readNumbers(card));
}

async function readNumbers(card) {
  let error = null;
  try {
    const found = await fetchStrip(card);
    numbers.set(card.id, { ...found, settled: unfinished(card) ? null : JSON.stringify(card) });
  } catch (failure) {
    error = failure.message;
  }
  const known = tiles.get(card.id);
  if (!known) return;
  const button = batchTile(card, numbers.get(card.id), error);
  button.addEventListener("click", () => openBatch(card.id));
  replaceTile(card, known.text, button);
  applyFilter();
}

function openBatch(id) {
  batchView = new BatchView(byId("batch-body"), place, viewer);
  for (const [element, hidden] of [[bar, true], [grid, true], [batchPage, false], [byId("back"), false]]) {
    element.hidden = hidden;
  }
  batchView.update(tiles.get(id).card);
  byId("back").focus();
  byId("back").onclick = () => {
    for (const [element, hidden] of [[bar, false], [grid, false], [batchPage, true]]) element.hidden = hidden;
    batchView = null;
    tiles.get(id)?.element.firstElementChild.focus();
  };
}

function applyFilter() {
  for (const { card, element } of tiles.values()) element.hidden = !matches(card, filter.value.trim());
  const found = [...tiles.values()].filter(({ element }) => !element.hidden).length;
  const working = [...tiles.values()].filter(({ card }) => unfinished(card)).length;
  const all = found === tiles.size ? counted(found, "result") : `${found} of ${counted(tiles.size, "result")}`;
  count.textContent = `${all}${working ? `, ${working} not finished` : ""}${partial ? ", loading more ..." : ""}`;
  const shown = [...tiles.values()].filter(({ element }) => !element.hidden).map(({ card }) => card);
  const { text, models } = totalsOf(shown, numbers);
  byId("totals").textContent = text;
  byId("models").replaceChildren(...models.map((each) => make("li", {}, each)));
  byId("models").hidden = !models.length;
}

const visible = () => [...grid.children]
  .filter((element) => !element.hidden && !element.classList.contains("wide"))
  .map((element) => [...tiles].find(([, each]) => each.element === element)[0]);

function view(id) {
  viewer.open(visible(), id, {
    card: (each) => tiles.get(each).card,
    button: (each) => tiles.get(each)?.element.firstElementChild,
  });
}

function report(text) {
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
      report(error.message);
      again = error instanceof TypeError; // no answer at all: perhaps the next time
    }
  }
  if (again) setTimeout(refresh, FRESH_MS);
}

followTheme();
filter.addEventListener("input", applyFilter);
// Next to Airflow's own bars a phone has little room left.
const ownPage = outward(byId("own-page"));
ownPage.href = location.href;
ownPage.hidden = !framed();
const inAirflow = byId("in-airflow");
inAirflow.hidden = framed() || !place.run_id;
inAirflow.href = `../${["dags", place.dag_id, "runs", place.run_id].map(encodeURIComponent).join("/")}`;

if (leavesFrame()) {
  ownPage.target = "_self";
  ownPage.click();
} else if (place.dag_id && place.run_id) refresh();
else report("Open this page as the tab of a DAG run or a task instance.");
