// The table: a page of rows at a time, sorted and filtered by its head.

const table = document.getElementById("table");
const pager = document.getElementById("pager");
const GROUP_TITLES = { parameter: "Parameters", result: "Results", run: "Run" };
const sizes = [["25", "25"], ["50", "50"], ["100", "100"], ["250", "250"]];

function buildHead() {
  const groups = element("tr", { class: "groups" }, element("td", { colspan: 3 }));
  for (const group of Object.keys(GROUP_TITLES)) {
    const count = columns.filter((column) => column.group === group).length;
    if (count) groups.append(element("th", { scope: "colgroup", colspan: count, class: `start ${group}` }, GROUP_TITLES[group]));
  }
  const names = element("tr", {}, sortable("", "#", "number"), sortable("state", "State", "text"));
  names.append(element("th", { scope: "col" }, "Notebook"));
  const filters = element("tr", { class: "filters" }, element("td", { colspan: 3 }));
  for (const column of columns) {
    names.append(sortable(identity(column), column.name, column.kind, starts(column)));
    filters.append(element("td", { class: starts(column) }, filterInput(column)));
  }
  table.tHead.replaceChildren(groups, names, filters);
}

function starts(column) {
  return column.place === 0 || columns[column.place - 1].group !== column.group ? "start" : "";
}

function sortable(key, label, kind, extra = "") {
  const button = element("button", { type: "button", onclick: () => sortBy(key) }, element("span", {}, label), element("span", { class: "arrow", "aria-hidden": "true" }));
  return element("th", { scope: "col", class: `${kind} ${extra}`, "data-sort": key, title: label }, button);
}

function filterInput(column) {
  return element("input", {
    type: "text", value: view.filters.get(column) ?? "", placeholder: "filter", autocomplete: "off", spellcheck: "false",
    "aria-label": `Filter ${column.name}`, "data-filter": identity(column),
    oninput: (event) => { view.filters.set(column, event.target.value); update(); },
  });
}

function sortBy(key) {
  view.down = view.sort === key && !view.down ? "1" : "";
  view.sort = key;
  update();
}

function drawTable(selected) {
  const size = Number(view.size) || 25;
  const last = Math.max(0, Math.ceil(selected.length / size) - 1);
  const page = Math.min(Number(view.page) || 0, last);
  for (const head of table.tHead.querySelectorAll("th[data-sort]")) {
    const active = head.dataset.sort === view.sort;
    if (active) head.setAttribute("aria-sort", view.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const rows = selected.slice(page * size, (page + 1) * size).map(drawRow);
  if (!rows.length) rows.push(element("tr", { class: "none" }, element("td", { colspan: columns.length + 3 }, "No variant matches.")));
  table.tBodies[0].replaceChildren(...rows);
  drawPager(selected.length, page, last);
}

function drawRow(variant) {
  const number = element("button", { type: "button", class: "open", "aria-label": `Details of variant ${variant.index}`, onclick: () => showDetail(variant) }, String(variant.index));
  const row = element("tr", {}, element("th", { scope: "row" }, number), element("td", {}, stateMark(variant.state)));
  row.append(element("td", {}, notebookAnchor(variant)));
  for (const column of columns) row.append(drawCell(column, variant.cells[column.place]));
  return row;
}

function drawCell(column, value) {
  const shown = format(value);
  const missing = value === null || NO_NUMBER.has(value);
  const full = typeof value === "number" && String(value) !== shown ? String(value) : shown;
  const title = shown.length > 22 || full !== shown ? full : null;
  return element("td", { class: `${column.kind} ${starts(column)} ${missing ? "missing" : ""}`, title }, element("span", { class: "clip" }, shown));
}

function stateMark(state) {
  return element("span", { class: `state ${state}` }, state);
}

function notebookAnchor(variant) {
  const link = notebookLink(variant);
  return link ? element("a", { href: link, "aria-label": `Notebook of variant ${variant.index}` }, "open") : null;
}

function drawPager(total, page, last) {
  const size = Number(view.size) || 25;
  const go = (target) => { view.page = String(target); update(true); };
  const button = (text, label, target, disabled) =>
    element("button", { type: "button", "aria-label": label, disabled, onclick: () => go(target) }, text);
  const from = total ? page * size + 1 : 0;
  pager.hidden = total <= 25;
  pager.replaceChildren(
    button("«", "First page", 0, page === 0), button("‹", "Previous page", page - 1, page === 0),
    element("span", {}, `${from.toLocaleString("en")}–${Math.min(total, (page + 1) * size).toLocaleString("en")} of ${total.toLocaleString("en")}`),
    button("›", "Next page", page + 1, page === last), button("»", "Last page", last, page === last),
    choice("Rows", sizes, view.size, (value) => { view.size = value; view.page = "0"; update(true); }),
  );
}
