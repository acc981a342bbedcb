// SPDX-License-Identifier: Apache-2.0
// Colours and font of the Airflow page around the tab, and navigation out of the tab.

// Custom properties of Airflow's UI, by ours. Where there are none, as outside of Airflow, the style sheet decides.
const COLOURS = {
  "--back": "--chakra-colors-bg",
  "--raised": "--chakra-colors-bg-subtle",
  "--line": "--chakra-colors-border",
  "--text": "--chakra-colors-fg",
  "--soft": "--chakra-colors-fg-muted",
};

const around = () => {
  try {
    return window.parent !== window && window.parent.document.documentElement ? window.parent : null;
  } catch {
    return null; // a page of another origin
  }
};

function applyTheme() {
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage is switched off: follow the system */ }
  const fixed = chosen === "dark" || chosen === "light";
  const root = document.documentElement;
  root.style.colorScheme = fixed ? chosen : "light dark";
  const outer = around();
  if (!outer) return;
  const style = outer.getComputedStyle(outer.document.body);
  for (const [ours, theirs] of Object.entries(COLOURS)) {
    const value = style.getPropertyValue(theirs).trim();
    if (value) root.style.setProperty(ours, value);
    else root.style.removeProperty(ours);
  }
  if (style.fontFamily) root.style.setProperty("--font", style.fontFamily);
}

const LEAST_WIDTH = 240;

function visibleWidth() {
  const outer = around();
  return outer ? outer.innerWidth - window.frameElement.getBoundingClientRect().left : innerWidth;
}

// On a narrow screen Airflow makes the frame wider than the part of it that the window shows.
function fitVisible() {
  const width = Math.min(innerWidth, Math.max(visibleWidth(), LEAST_WIDTH));
  const root = document.documentElement;
  root.style.setProperty("--visible", `${width}px`);
  root.classList.toggle("narrow", width <= 768);
  root.classList.toggle("phone", width <= 480);
}

export function followTheme() {
  applyTheme();
  fitVisible();
  addEventListener("resize", fitVisible);
  addEventListener("storage", applyTheme);
  const outer = around();
  if (outer) {
    outer.addEventListener("resize", fitVisible);
    const changed = { attributes: true, attributeFilter: ["class", "data-theme", "style"] };
    new MutationObserver(applyTheme).observe(outer.document.documentElement, changed);
  }
}

export const framed = () => around() !== null;

// Whether the tab should open its own page, because Airflow's bars leave no room on a phone. Not twice in a row:
// a person who goes back from that page stays in Airflow.
export function leavesFrame() {
  if (!framed() || visibleWidth() >= LEAST_WIDTH) return false;
  try {
    if (sessionStorage.getItem("kling-own-page") === location.href) {
      sessionStorage.removeItem("kling-own-page");
      return false;
    }
    sessionStorage.setItem("kling-own-page", location.href);
  } catch {
    return false; // storage is switched off: going back would lead here again
  }
  return true;
}

// Airflow's frame lets no link leave it, but its own page may go anywhere.
export function outward(link) {
  link.addEventListener("click", (event) => {
    const outer = around();
    if (!outer || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const copy = outer.document.createElement("a");
    copy.href = link.href;
    copy.target = link.target;
    copy.rel = "noopener";
    outer.document.body.append(copy);
    copy.click();
    copy.remove();
  });
  return link;
}
