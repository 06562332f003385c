// Charts that filters, the legend and the limit change. What they show stands in the tables too.

const data = JSON.parse(one("#chart-data").textContent);
const charts = one("#charts");
const hidden = new Set(); // methods that the legend hides
const MOST_DRAWN = 300;
const MEMORY = "peak_memory";
const SHAPES = [
  "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z", "M-4.5-4.5H4.5V4.5H-4.5Z", "M0-6 5.5 0 0 6-5.5 0Z",
  "M0-5.5 5.5 4.5H-5.5Z", "M0 5.5 5.5-4.5H-5.5Z", "M-1.8-5.5H1.8V-1.8H5.5V1.8H1.8V5.5H-1.8V1.8H-5.5V-1.8H-1.8Z",
  "M-5-2.5-2.5-5 0-2.5 2.5-5 5-2.5 2.5 0 5 2.5 2.5 5 0 2.5-2.5 5-5 2.5-2.5 0Z",
  "M0-6 1.5-2 5.7-1.9 2.4.8 3.5 4.9 0 2.5-3.5 4.9-2.4.8-5.7-1.9-1.5-2Z",
  "M-5.5 0 4.5-5.5V5.5Z", "M5.5 0-4.5-5.5V5.5Z", "M0-5.5 5.2-1.7 3.2 4.5H-3.2L-5.2-1.7Z",
  "M-3-5.2H3L6 0 3 5.2H-3L-6 0Z", "M0-6 3.4 0 0 6-3.4 0Z",
  "M0-6.5 1.8-1.8 6.5 0 1.8 1.8 0 6.5-1.8 1.8-6.5 0-1.8-1.8Z",
  "M-5 5.5H5L-5-5.5H5Z", "M-5.5 5V-5L5.5 5V-5Z",
  "M-6-2.4H6V2.4H-6Z", "M-2.4-6H2.4V6H-2.4Z",
];

const format = (value, unit = "") => {
  if (value === null || value === undefined) return "–";
  if (unit === "MiB" && value >= 1) return value.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 }); // as tables do
  const digits = Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
};
const marks = { emulated: "*", predicted: "~", measured: "" };
const told = ([value, , , source], unit) =>
  `${source === "predicted" ? "~" : ""}${format(value, unit)}${source === "emulated" ? "*" : ""}${unit ? ` ${unit}` : ""}`;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function marker(method, isReal) {
  const [colour, shape] = data.looks[method];
  const attributes = { d: SHAPES[shape], class: "marker", style: `--own:var(--series-${colour})` };
  return drawn("path", isReal ? { ...attributes, "data-real": "" } : attributes);
}

// A name breaks after its signs, so that its words need not.
function softly(name) {
  const parts = name.split(/(?<=\[|,(?=[a-z])|=(?=\w{3}))/);
  return element("span", {}, ...parts.flatMap((part, place) => (place ? [element("wbr"), part] : [part])));
}

function icon(method) {
  return drawn("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" }, marker(method, true));
}

function isShown(row) {
  const { words, values } = chosen();
  const own = `${row.method} ${row.dataset} ${row.setting} ${row.device} ${row.mode}`.toLowerCase();
  const isChosen = ([key, value]) => key === "status" || row[key] === undefined || row[key] === value;
  return !hidden.has(row.method) && values.every(isChosen) && words.every((word) => own.includes(word));
}

const shownRows = () => data.rows.filter(isShown);
const place = (row) => `${row.dataset} ${row.setting}, ${row.device} (${row.mode})`;

function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}

// The limit: what fits, and what would fit in more or less.

const slider = one("#limit");
const isAtItsOwn = () => Number(slider.value) === Number(slider.dataset.start);
const limitOf = (row) => (isAtItsOwn() ? row.limit ?? Infinity : Number(slider.value));

function memoryBars() {
  const rows = shownRows().filter((row) => row.values[MEMORY] || row.fits === false).slice(0, MOST_DRAWN);
  const most = Number(slider.max);
  const isHeld = (row) => (row.values[MEMORY] ? row.values[MEMORY][0] <= limitOf(row) : false);
  const fit = rows.filter(isHeld).length;
  const where = isAtItsOwn() ? "their device" : `${format(Number(slider.value))} MiB`;
  one("#limit-told").textContent = `${fit} of ${rows.length} fit in ${where}`;
  const parts = [...grouped(rows, place)].flatMap(([name, own]) => {
    const limit = Math.min(...own.map(limitOf));
    const wall = limit <= most ? `--wall:${(100 * limit) / most}%` : "--wall:200%";
    const bars = own.map((row) => {
      const value = row.values[MEMORY]?.[0] ?? most; // what did not fit was not counted to its end
      const fits = isHeld(row);
      const bar = element("span", { class: "bar", style: `width:${Math.max((100 * value) / most, 0.3)}%;--own:var(--series-${data.looks[row.method][0]})` });
      const known = row.values[MEMORY] ? told(row.values[MEMORY], "MiB") : `more than ${format(row.limit)} MiB`;
      const words = `${known}${fits ? "" : ", does not fit"}`;
      return element("li", { "data-fits": fits, "data-method": row.method },
        element("span", { class: "named" }, icon(row.method), softly(row.method)),
        element("span", { class: "track", style: wall, "aria-hidden": "true" }, bar),
        element("span", { class: "value" }, words));
    });
    return [element("h3", {}, `${name}${Number.isFinite(limit) ? `: limit ${format(limit)} MiB` : ": no limit"}`), element("ul", { class: "bars" }, ...bars)];
  });
  one("#memory-bars").replaceChildren(...(parts.length ? parts : ["Nothing to show."]));
}

// One linked scatter: axes to choose, intervals, the line of chance, the Pareto line.

const axes = { x: one("#axis-x"), y: one("#axis-y") };
const metricOf = (name) => data.metrics.find((metric) => metric.name === name);
const isLogarithmic = (name) => !["%", ""].includes(metricOf(name).unit);

function scale(values, name, ends) {
  const log = isLogarithmic(name);
  const turned = values.filter((value) => value !== null && (!log || value > 0)).map((value) => (log ? Math.log10(value) : value));
  let [low, high] = [Math.min(...turned), Math.max(...turned)];
  const room = Math.max((high - low) * 0.08, log ? 0.06 : 1);
  [low, high] = [low - room, high + room];
  if (!log && metricOf(name).unit === "%") [low, high] = [Math.max(low, 0), Math.min(high, 100)];
  const at = (value) => {
    const own = log ? Math.log10(Math.max(value, 1e-12)) : value;
    return ends[0] + (ends[1] - ends[0]) * Math.min(Math.max((own - low) / (high - low), 0), 1);
  };
  return { at, ticks: ticks(low, high, log) };
}

function ticks(low, high, log) {
  if (log) {
    const found = [];
    for (let power = Math.floor(low); power <= high; power++)
      for (const step of high - low > 2.5 ? [1] : [1, 2, 5]) found.push(step * 10 ** power);
    return found.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  }
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25].find((each) => (high - low) / each <= 6) ?? 50;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, n) => (first + n) * step);
}

// Of a metric whose better direction no plugin declares, nothing is better: there is no line.
function pareto(rows, x, y) {
  if ([x, y].some((name) => metricOf(name).more === null)) return [];
  const better = (name) => (metricOf(name).more ? -1 : 1);
  const worth = (row, name) => better(name) * row.values[name][0];
  return rows
    .filter((row) => !rows.some((other) => worth(other, x) <= worth(row, x) && worth(other, y) <= worth(row, y) && (worth(other, x) < worth(row, x) || worth(other, y) < worth(row, y))))
    .sort((a, b) => a.values[x][0] - b.values[x][0]);
}

function scatter(name, rows, x, y, width) {
  const [height, left, right, top, bottom] = [300, 52, 14, 12, 40];
  const values = (metric) => rows.flatMap((row) => row.values[metric].slice(0, 3));
  const chance = ["accuracy", "transductive_accuracy"].includes(y) ? rows.find((row) => row.chance !== null)?.chance : undefined;
  const across = scale(values(x), x, [left, width - right]);
  const up = scale([...values(y), ...(chance === undefined ? [] : [chance])], y, [height - bottom, top]);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": `${metricOf(y).title} over ${metricOf(x).title}: ${name}` });
  for (const tick of across.ticks)
    svg.append(drawn("path", { class: "grid", d: `M${across.at(tick)} ${top}V${height - bottom}` }), drawn("text", { x: across.at(tick), y: height - bottom + 14, class: "tick middle" }, format(tick)));
  for (const tick of up.ticks)
    svg.append(drawn("path", { class: "grid", d: `M${left} ${up.at(tick)}H${width - right}` }), drawn("text", { x: left - 6, y: up.at(tick) + 4, class: "tick end" }, format(tick)));
  const axis = (metric) => `${metricOf(metric).title}${metricOf(metric).unit ? ` (${metricOf(metric).unit})` : ""}`;
  svg.append(drawn("text", { x: (left + width - right) / 2, y: height - 6, class: "axis-words middle" }, axis(x)));
  svg.append(drawn("text", { transform: `translate(12 ${(top + height - bottom) / 2}) rotate(-90)`, class: "axis-words middle" }, axis(y)));
  if (chance !== undefined)
    svg.append(drawn("path", { class: "chance", d: `M${left} ${up.at(chance)}H${width - right}` }), drawn("text", { x: width - right, y: up.at(chance) - 4, class: "tick end" }, `guessing ${format(chance)} %`));
  const limit = Math.min(...rows.map(limitOf));
  if (x === MEMORY && across.at(limit) < width - right) svg.append(drawn("path", { class: "wall", d: `M${across.at(limit)} ${top}V${height - bottom}` }));
  const front = pareto(rows, x, y);
  if (front.length > 1) svg.append(drawn("path", { class: "front", d: `M${front.map((row) => `${across.at(row.values[x][0])} ${up.at(row.values[y][0])}`).join("L")}` }));
  for (const row of rows) svg.append(point(row, x, y, across, up));
  return element("figure", { class: "plot" }, element("figcaption", {}, name), svg);
}

function point(row, x, y, across, up) {
  const [value, low, high, source] = row.values[y];
  const [cx, cy] = [across.at(row.values[x][0]), up.at(value)];
  const fits = row.values[MEMORY] ? row.values[MEMORY][0] <= limitOf(row) : row.fits !== false;
  const interval = low === null || low === high ? "" : ` (${format(low)} to ${format(high)})`;
  const words = `${row.method}: ${metricOf(y).title} ${told(row.values[y], metricOf(y).unit)}${interval}, ${metricOf(x).title} ${told(row.values[x], metricOf(x).unit)}, ${row.mode}${fits ? "" : ", does not fit"}`;
  const group = drawn("g", { class: "point", tabindex: "0", role: row.trial === null ? "img" : "button", "aria-label": words, "data-method": row.method, "data-fits": fits });
  if (low !== null && low !== high) group.append(drawn("path", { class: "interval", style: `--own:var(--series-${data.looks[row.method][0]})`, d: `M${cx} ${up.at(low)}V${up.at(high)}` }));
  const mark = marker(row.method, source === "measured");
  mark.setAttribute("transform", `translate(${cx} ${cy})`);
  group.append(mark);
  const show = () => { one("#card").textContent = words; };
  group.addEventListener("pointerenter", show);
  group.addEventListener("focus", show);
  const openTrial = () => row.trial !== null && one(`.open[data-trial="${row.trial}"]`)?.click();
  group.addEventListener("click", openTrial);
  group.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), openTrial()));
  return group;
}

function scatters() {
  const [x, y] = [axes.x.value, axes.y.value];
  const box = one("#scatter");
  const rows = shownRows().filter((row) => row.values[x] && row.values[y]).slice(0, MOST_DRAWN);
  const groups = [...grouped(rows, place)];
  const whole = box.clientWidth;
  const width = Math.max(260, groups.length > 1 && whole > 720 ? Math.floor(whole / 2) - 16 : Math.min(whole, 960));
  box.replaceChildren(...(groups.length ? groups.map(([name, own]) => scatter(name, own, x, y, width)) : ["No row that is shown has both."]));
}

// Ours beside the published numbers: a dot each and a line between, the farthest first.

function dumbbells() {
  const box = one("#paper");
  if (!box) return;
  const lines = data.paper.filter((line) => isShown({ ...line, setting: line.place, mode: line.source })).slice(0, MOST_DRAWN);
  const parts = [...grouped(lines, (line) => `${line.suite}: ${line.metric}`)].flatMap(([name, own]) => {
    const every = own.flatMap((line) => [line.ours, line.published, line.chance, ...line.reach]).filter((value) => value > 0).map(Math.log10);
    const [low, high] = [Math.min(...every), Math.max(...every)];
    const at = (value) => (100 * (Math.log10(Math.max(value, 1e-9)) - low)) / Math.max(high - low, 1e-9);
    const rows = own.map((line) => {
      const [a, b] = [at(line.ours), at(line.published)];
      const off = (100 * (line.ours - line.published)) / line.published;
      const [low, high] = line.reach;
      const isWide = low !== null && low !== high;
      const interval = isWide ? ` (${format(low, line.unit)} to ${format(high, line.unit)})` : "";
      const deviation = line.std === null ? "" : ` ± ${format(line.std)}`;
      const guessing = line.chance === null ? "" : `, guessing ${format(line.chance)} %`;
      const words = `${line.method} on ${line.place}: ours ${told([line.ours, 0, 0, line.source], line.unit)}${interval}, published ${format(line.published)}${deviation} ${line.unit}${guessing}, ${off >= 0 ? "+" : "−"}${format(Math.abs(off))} %${line.why ? `. ${line.why}` : ""}`;
      return element("li", { tabindex: "0", title: words, "data-method": line.method },
        element("span", { class: "named" }, ...(data.looks[line.method] ? [icon(line.method)] : []), softly(`${line.method}, ${line.place}`)),
        element("span", { class: "track", "aria-hidden": "true" },
          ...(line.chance === null ? [] : [element("span", { class: "guess", style: `left:${at(line.chance)}%` })]),
          element("span", { class: "between", style: `left:${Math.min(a, b)}%;width:${Math.abs(a - b)}%` }),
          ...(isWide ? [element("span", { class: "reach", style: `left:${at(low)}%;width:${at(high) - at(low)}%` })] : []),
          element("span", { class: "dot theirs", style: `left:${b}%` }), element("span", { class: "dot ours", style: `left:${a}%` })),
        element("span", { class: "value" }, `${told([line.ours, 0, 0, line.source], "")} / ${format(line.published)} ${line.unit} (${off >= 0 ? "+" : "−"}${format(Math.abs(off))} %)`));
    });
    return [element("h3", {}, name), element("ul", { class: "bars dumbbells" }, ...rows)];
  });
  box.replaceChildren(...parts);
}

function drawCharts() {
  if (!charts) return;
  memoryBars();
  if (axes.x) scatters();
  dumbbells();
}

for (const button of all("#legend button")) {
  button.prepend(icon(button.value));
  button.addEventListener("click", () => {
    const isHidden = hidden.has(button.value);
    if (isHidden) hidden.delete(button.value);
    else hidden.add(button.value);
    button.setAttribute("aria-pressed", String(isHidden));
    changed();
  });
}
