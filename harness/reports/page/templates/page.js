"use strict";

const MOST_ROWS = 200; // of a table, before it is asked to show all
const all = (query, inside = document) => [...inside.querySelectorAll(query)];
const one = (query, inside = document) => inside.querySelector(query);

// Each table keeps its rows as they came, as they are sorted, and whether to show all.
const tables = all("table").map((table) => ({
  table,
  body: one("tbody", table),
  rows: all("tbody tr", table),
  more: one(".more", table.closest(".table")),
  showsAll: false,
}));
for (const each of tables) {
  for (const row of each.rows) row.words = row.textContent.toLowerCase();
}

// Filters: a row stays if it has every word, and each chosen value that its table knows of.

const filters = one(".filters");

function chosen() {
  const values = Object.fromEntries(new FormData(filters));
  const words = values.words.toLowerCase().split(/\s+/).filter(Boolean);
  delete values.words;
  return { words, values: Object.entries(values).filter(([, value]) => value) };
}

function stays(row, { words, values }) {
  if (hidden.has(row.dataset.method)) return false;
  const matches = ([key, value]) => {
    const own = row.dataset[key];
    if (own === undefined) return true;
    return own === value || (key === "status" && own.includes(` ${value}`));
  };
  return values.every(matches) && words.every((word) => row.words.includes(word));
}

function show(each, wanted) {
  const kept = each.rows.filter((row) => stays(row, wanted));
  const visible = new Set(each.showsAll ? kept : kept.slice(0, MOST_ROWS));
  for (const row of each.rows) row.hidden = !visible.has(row);
  each.more.hidden = visible.size === kept.length;
  one("button", each.more).textContent = `Show all ${kept.length.toLocaleString("en")} rows`;
  return kept.length;
}

function showAll() {
  const wanted = chosen();
  const kept = tables.map((each) => show(each, wanted)).reduce((a, b) => a + b, 0);
  const rows = tables.reduce((sum, each) => sum + each.rows.length, 0);
  one("output", filters).textContent = `${kept.toLocaleString("en")} of ${rows.toLocaleString("en")} rows`;
}

filters.addEventListener("submit", (event) => event.preventDefault());
for (const each of tables) {
  one("button", each.more).addEventListener("click", () => {
    each.showsAll = true;
    show(each, chosen());
    one("button", each.body)?.focus();
  });
}

// Sorting: what is missing comes last, whichever way.

function keyOf(cell, isNumber) {
  const text = cell.dataset.sort ?? cell.textContent;
  return isNumber && text !== "" ? Number(text.replaceAll(",", "")) : text.toLowerCase();
}

function compare(a, b, way) {
  if (a === "" || b === "") return (a === "") - (b === "");
  return way * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
}

function sortBy(each, heading, wanted) {
  const way = wanted ?? (heading.ariaSort === "ascending" ? -1 : 1);
  const place = heading.cellIndex;
  const isNumber = heading.classList.contains("number");
  for (const other of all("thead th", each.table)) other.ariaSort = "none";
  heading.ariaSort = way === 1 ? "ascending" : "descending";
  const keys = new Map(each.rows.map((row) => [row, keyOf(row.cells[place], isNumber)]));
  each.rows.sort((a, b) => compare(keys.get(a), keys.get(b), way));
  each.body.replaceChildren(...each.rows);
  each.sorted = [place, way];
  show(each, chosen());
}

for (const each of tables) {
  for (const button of all(".sort", each.table)) {
    button.addEventListener("click", () => {
      sortBy(each, button.closest("th"));
      toAddress();
    });
  }
}

// A trial's details: they are packed by the dozen, and unpacked when one of them is opened.

const dialog = one("dialog");
const packs = all(".pack");
const perPack = JSON.parse(one("#per-pack").textContent);
const unpacked = new Map();
let opened = null; // the button of the trial that is open

async function unpack(pack) {
  const bytes = Uint8Array.from(atob(pack.textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function detailsOf(number) {
  const place = Math.floor(number / perPack);
  if (place >= packs.length) return null;
  if (!unpacked.has(place)) unpacked.set(place, unpack(packs[place]));
  const columns = Object.entries(await unpacked.get(place));
  return Object.fromEntries(columns.map(([name, values]) => [name, values[number % perPack]]));
}

function svgOf(text) {
  return document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
}

function captioned(svg, words) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = words;
  figure.append(caption, svg);
  return figure;
}

// Query images: what each is, and what it was taken for where that is something else.
const images = JSON.parse(one("#images").textContent);

function example([place, label, predicted]) {
  const isRight = label === predicted;
  const made = document.createElement("li");
  const image = document.createElement("img");
  image.src = `data:image/png;base64,${images[place]}`;
  image.alt = `query image of ${label}`;
  const words = document.createElement("span");
  words.textContent = isRight ? `${label}: right` : `${label}, taken for ${predicted}`;
  made.dataset.right = isRight;
  made.append(image, words);
  return made;
}

function fill(details) {
  one("#opened-examples").hidden = !details.examples.length;
  one("#opened-examples ul").replaceChildren(...details.examples.map(example));
  const cells = details.cells.map(([words, text]) => captioned(svgOf(text), words));
  one("#opened-cells").replaceChildren(...(cells.length ? cells : [details.no_cells]));
  one("#opened-steps").replaceChildren(details.steps ? svgOf(details.steps) : "No step's memory was counted.");
  one("#opened-log").textContent = details.log || "The log is empty.";
  one("#opened-record").textContent = details.record;
  one("#opened-about").textContent = `Folder ${details.folder}`;
}

// The numbers of a trial's row, as the table has them.
function facts(button) {
  const row = button.closest("tr");
  const headings = all("thead th", row.closest("table"));
  const numbers = headings.map((heading, n) => [heading, row.cells[n]]).filter(([heading]) => heading.classList.contains("number"));
  return numbers.map(([heading, cell]) => {
    const [pair, name, value] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
    name.textContent = one(".sort", heading).innerText.replaceAll("\n", " ");
    value.append(...[...cell.childNodes].map((each) => each.cloneNode(true)));
    pair.append(name, value);
    return pair;
  });
}

async function open(button) {
  opened = button;
  one("#opened-facts").replaceChildren(...facts(button));
  one("#opened-title").textContent = button.dataset.words;
  for (const stepper of all("[data-by]", dialog)) stepper.disabled = !neighbour(Number(stepper.dataset.by));
  const parts = one("#opened-parts");
  parts.hidden = true;
  if (!dialog.open) dialog.showModal();
  toAddress();
  dialog.scrollTop = 0;
  one("#opened-title").focus();
  try {
    const details = await detailsOf(Number(button.dataset.trial));
    if (button !== opened) return;
    parts.hidden = details === null;
    if (details) fill(details);
    else one("#opened-about").textContent = "This page has no room for its details; the trial's folder has them.";
  } catch {
    one("#opened-about").textContent = "This browser cannot unpack the details; the trial's folder has them.";
  }
}

function neighbour(by) {
  const buttons = all("tr:not([hidden]) .open");
  return buttons[buttons.indexOf(opened) + by];
}

for (const button of all(".open")) button.addEventListener("click", () => open(button));
for (const stepper of all("[data-by]", dialog)) {
  stepper.addEventListener("click", () => open(neighbour(Number(stepper.dataset.by))));
}
one("[data-close]", dialog).addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => {
  opened?.focus();
  toAddress();
});

// The commands: copied, or selected where a browser lets no page copy.

one("#copy")?.addEventListener("click", async () => {
  const command = one("#command");
  try {
    await navigator.clipboard.writeText(command.textContent);
    one("#copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(command);
    one("#copied").textContent = "Selected; copy it with Ctrl-C.";
  }
});

// Colours: kept for the next time where the browser lets a file keep anything.

function kept(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

function colour(theme) {
  document.documentElement.dataset.theme = theme;
}

for (const input of all("[name=theme]")) {
  if (input.value === (kept(() => localStorage.getItem("theme")) ?? "")) {
    input.checked = true;
    colour(input.value);
  }
  input.addEventListener("change", () => {
    colour(input.value);
    kept(() => localStorage.setItem("theme", input.value));
  });
}
