// Puts the parts together: one selection of variants for table, plot and images.

const search = document.getElementById("search");
const refresh = document.getElementById("refresh");
let current = [];
let waiting = 0;

// A change of the filter goes back to the first page; turning a page does not.
function update(keep = false) {
  if (!keep) {
    view.page = "0";
    imageLimit = STEP;
  }
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(draw);
}

function draw() {
  current = select();
  writeAddress();
  drawFilter();
  drawPlot(current);
  drawGallery(current);
  drawTable(current);
}

function buildFilter() {
  document.getElementById("filter").hidden = variants.length === 0;
  search.value = view.q;
  search.addEventListener("input", () => { view.q = search.value; update(); });
  document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("clear").addEventListener("click", clearFilters);
  for (const state of STATES) {
    const count = variants.filter((variant) => variant.state === state).length;
    if (!count) continue;
    const box = element("input", { type: "checkbox", value: state, onchange: readStates });
    document.getElementById("states").append(element("label", {}, box, stateMark(state), element("b", {}, count.toLocaleString("en"))));
  }
}

function readStates() {
  view.states = [...document.querySelectorAll("#states input:checked")].map((box) => box.value).join(",");
  update();
}

function drawFilter() {
  const states = view.states.split(",");
  for (const box of document.querySelectorAll("#states input")) box.checked = states.includes(box.value);
  const active = Boolean(view.q || view.states || [...view.filters.values()].some((text) => text.trim()));
  document.getElementById("clear").hidden = !active;
  const counts = [current.length, variants.length].map((count) => count.toLocaleString("en"));
  document.getElementById("shown").textContent = active ? `${counts[0]} of ${counts[1]} variants` : `${counts[1]} variants`;
}

function clearFilters() {
  view.q = search.value = "";
  view.states = "";
  view.filters.clear();
  for (const input of table.tHead.querySelectorAll("input")) input.value = "";
  search.focus();
  update();
}

function showFailures(label) {
  clearFilters();
  const column = columns.find((known) => known.group === "run" && known.name === "failure");
  view.filters.set(column, `=${label}`);
  table.tHead.querySelector(`[data-filter="${CSS.escape(identity(column))}"]`).value = `=${label}`;
  document.getElementById("variants").focus();
}

function keepFresh() {
  const busy = dialog.open || document.activeElement?.matches("input[type=text], input[type=search], select");
  if (refresh.checked && !busy && !document.hidden) location.reload();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-index], button[data-failure]");
  if (button?.dataset.index && byIndex.has(Number(button.dataset.index))) showDetail(byIndex.get(Number(button.dataset.index)));
  if (button?.dataset.failure) showFailures(button.dataset.failure);
});

buildHead();
buildFilter();
buildGallery();
buildPlot();
draw();
if (data.refresh && refresh) setInterval(keepFresh, data.refresh * 1000);
