// What was chosen stands in the address, so that a reload or a link shows the same.

function toAddress() {
  const state = new URLSearchParams();
  for (const [key, value] of new FormData(filters)) if (value) state.set(key, value);
  for (const method of hidden) state.append("hide", method);
  if (slider && !isAtItsOwn()) state.set("limit", slider.value);
  for (const [key, select] of Object.entries(axes)) if (select && select.value !== select.dataset.start) state.set(key, select.value);
  tables.forEach((each, number) => {
    if (each.sorted) state.set(`sort${number}`, each.sorted.join("."));
  });
  if (dialog.open) state.set("trial", opened.dataset.words);
  history.replaceState(null, "", `#${state}`);
}

function fromAddress() {
  const state = new URLSearchParams(location.hash.slice(1));
  const trial = all(".open").find((each) => each.dataset.words === state.get("trial"));
  for (const control of filters.elements) if (control.name && state.has(control.name)) control.value = state.get(control.name);
  for (const button of all("#legend button")) {
    if (!state.getAll("hide").includes(button.value)) continue;
    hidden.add(button.value);
    button.setAttribute("aria-pressed", "false");
  }
  if (slider && state.has("limit")) slider.value = state.get("limit");
  for (const [key, select] of Object.entries(axes)) if (select && state.has(key)) select.value = state.get(key);
  tables.forEach((each, number) => {
    const [column, way] = (state.get(`sort${number}`) ?? "").split(".").map(Number);
    const heading = way ? all("thead th", each.table)[column] : null;
    if (heading) sortBy(each, heading, way);
  });
  return trial;
}

function changed() {
  showAll();
  drawCharts();
  toAddress();
}

filters.addEventListener("input", changed);
filters.addEventListener("reset", () => setTimeout(changed));
slider?.addEventListener("input", changed);
one("#limit-reset")?.addEventListener("click", () => {
  slider.value = slider.dataset.start;
  changed();
});
for (const select of Object.values(axes)) select?.addEventListener("input", changed);
addEventListener("resize", () => charts && axes.x && scatters());

const reopened = fromAddress();
showAll();
drawCharts();
if (reopened) open(reopened);
