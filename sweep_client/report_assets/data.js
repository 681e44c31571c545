// What the page holds, how values are shown and compared, and the view that the address keeps over a reload.

const data = JSON.parse(document.getElementById("data").textContent);
const STATES = ["done", "failed", "running", "pending"];
const NO_NUMBER = new Set(["nan", "inf", "-inf", "None"]);
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

const columns = data.columns.map(([group, name, kind], place) => ({ group, name, kind, place }));
const variants = data.heads.map(([index, state, key, attempt], row) => ({
  index, key, attempt, row, state: STATES[state], cells: data.rows[row], images: [],
}));
for (const [row, name, link, thumbnail] of data.images) {
  variants[row].images.push({ name, link, thumbnail, variant: variants[row] });
}
const byIndex = new Map(variants.map((variant) => [variant.index, variant]));

for (const column of columns) {
  column.values = distinct(column);
  column.varies = column.values.length > 1;
}

const defaults = { q: "", states: "", sort: "", down: "", page: "0", size: "25", x: "", y: "", colour: "", logx: "", logy: "", image: "", group: "" };
const view = { ...defaults, filters: new Map() };
readAddress();

function distinct(column) {
  return [...new Set(variants.map((variant) => variant.cells[column.place]).filter((value) => value !== null))];
}

function readAddress() {
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name in defaults) view[name] = value;
    const column = name.startsWith("column.") && columns.find((known) => identity(known) === name);
    if (column) view.filters.set(column, value);
  }
}

function writeAddress() {
  const parameters = new URLSearchParams();
  for (const name of Object.keys(defaults)) if (view[name] !== defaults[name]) parameters.set(name, view[name]);
  for (const [column, text] of view.filters) if (text) parameters.set(identity(column), text);
  const hash = parameters.toString();
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
}

function identity(column) {
  return `column.${column.group}.${column.name}`;
}

function format(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (Number.isInteger(value)) return String(value);
  const rounded = Number(value.toPrecision(6));
  return Math.abs(value) < 1e-4 ? rounded.toExponential() : String(rounded);
}

function notebookLink({ key, attempt }) {
  if (!attempt) return null;
  const path = attempt.includes("/") ? attempt : `variants/${key.slice(0, 2)}/${key}/${attempt}/notebook.ipynb`;
  const parts = path.split("/");
  return path.startsWith("/") || parts.includes("..") ? null : "./" + parts.map(encodeURIComponent).join("/");
}

function compare(a, b) {
  const [first, second] = [rank(a), rank(b)];
  if (first !== second) return first - second;
  return typeof a === "number" ? a - b : collator.compare(a, b);
}

// Numbers come before texts, and what is no value comes last in both directions.
function rank(value) {
  if (value === null || NO_NUMBER.has(value)) return 3;
  return typeof value === "number" ? 1 : 2;
}

function test(expression) {
  const text = expression.trim().toLowerCase();
  const range = text.match(/^(-?[\d.]+(?:e[-+]?\d+)?)\.\.(-?[\d.]+(?:e[-+]?\d+)?)$/);
  if (range) return (value) => typeof value === "number" && value >= Number(range[1]) && value <= Number(range[2]);
  const [, operator, rest] = text.match(/^(>=|<=|>|<|=|!)?\s*(.*)$/s);
  const number = rest === "" ? NaN : Number(rest);
  const shown = (value) => format(value).toLowerCase();
  if (operator === "=") return (value) => shown(value) === rest || (typeof value === "number" && value === number);
  if (operator === "!") return (value) => rest === "" || !shown(value).includes(rest);
  if (!operator) return (value) => shown(value).includes(rest);
  const holds = { ">": (v) => v > number, "<": (v) => v < number, ">=": (v) => v >= number, "<=": (v) => v <= number }[operator];
  return (value) => typeof value === "number" && holds(value);
}

function haystack(variant) {
  variant.text ??= [variant.index, variant.state, ...variant.cells.map(format)].join("\n").toLowerCase();
  return variant.text;
}

function select() {
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  const states = new Set(view.states.split(",").filter(Boolean));
  const tests = [...view.filters].filter(([, text]) => text.trim()).map(([column, text]) => [column.place, test(text)]);
  const found = variants.filter((variant) =>
    (states.size === 0 || states.has(variant.state)) &&
    words.every((word) => haystack(variant).includes(word)) &&
    tests.every(([place, holds]) => holds(variant.cells[place])));
  return sorted(found);
}

function sorted(found) {
  const value = sortValue();
  if (!value) return view.down ? found.reverse() : found;
  const sign = view.down ? -1 : 1;
  return found.sort((a, b) => {
    const [first, second] = [value(a), value(b)];
    const missing = (rank(first) === 3) - (rank(second) === 3);
    return missing || sign * compare(first, second) || a.row - b.row;
  });
}

function sortValue() {
  if (view.sort === "state") return (variant) => STATES.indexOf(variant.state);
  const column = columns.find((known) => identity(known) === view.sort);
  return column && ((variant) => variant.cells[column.place]);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function choice(label, options, value, change) {
  const list = element("select", { "aria-label": label, onchange: (event) => change(event.target.value) });
  for (const [key, text] of options) list.append(element("option", { value: key, selected: key === value }, text));
  return element("label", {}, element("span", {}, label), list);
}

function pairs(variant, limit = Infinity) {
  const varying = columns.filter((column) => column.group === "parameter" && column.varies).slice(0, limit);
  return varying.map((column) => [column.name, format(variant.cells[column.place])]);
}

function pairList(variant, limit) {
  const short = (value) => (value.length > 28 ? `${value.slice(0, 27)}…` : value);
  const items = pairs(variant, limit).map(([name, value]) => element("span", {}, element("i", {}, name), ` ${short(value)}`));
  return element("span", { class: "pairs" }, ...items);
}
