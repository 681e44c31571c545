// Numeric results against parameters: every selected variant is a point; the table below says the same in words.

const chart = document.getElementById("chart");
const tip = document.getElementById("tip");
const NONE = "none";
const POINTS = 5000;
const MARGIN = { top: 14, right: 16, bottom: 52, left: 72 };
const plain = (column) => column.kind === "number";
const few = (column, count) => column.values.length <= count;
const yColumns = columns.filter((column) => column.group !== "parameter" && plain(column) && column.name !== "attempt");
const xColumns = columns.filter((column) => (plain(column) || few(column, 40)) && column.name !== "failure" && column.name !== "attempt");
const colourColumns = xColumns.filter((column) => column.varies && (plain(column) || few(column, PALETTE)));
let points = [];

function buildPlot() {
  if (!yColumns.length || !xColumns.length) return;
  document.getElementById("plot").hidden = false;
  chooseDefaults();
  const place = document.getElementById("plot-choices");
  const options = (known) => known.map((column) => [identity(column), column.name]);
  place.append(
    choice("Y", options(yColumns), view.y, (value) => { view.y = value; view.logy = ""; update(); }),
    choice("X", options(xColumns), view.x, (value) => { view.x = value; view.logx = ""; update(); }),
    choice("Colour", [[NONE, "none"], ...options(colourColumns)], view.colour, (value) => { view.colour = value; update(); }),
    logarithm("Log x", "logx"), logarithm("Log y", "logy"));
  chart.addEventListener("pointermove", hover);
  chart.addEventListener("pointerleave", () => { tip.hidden = true; });
  chart.addEventListener("click", (event) => { const point = nearest(event); if (point) showDetail(point.variant); });
  dark.addEventListener("change", () => update(true));
  new ResizeObserver(() => requestAnimationFrame(() => drawPlot(current))).observe(chart);
}

function logarithm(label, name) {
  const change = (event) => { view[name] = event.target.checked ? "1" : "0"; update(); };
  const box = element("input", { type: "checkbox", id: name, onchange: change });
  return element("label", { class: "check" }, box, element("span", {}, label));
}

// Unless the reader says otherwise, positive values over three decades or more are drawn on a logarithmic axis.
function isLogarithmic(column, name) {
  const numbers = column.values.filter((value) => typeof value === "number");
  const [low, high] = extent(numbers);
  const log = plain(column) && (view[name] ? view[name] === "1" : low > 0 && high / low >= 1000);
  document.getElementById(name).checked = log;
  document.getElementById(name).disabled = !plain(column);
  return log;
}

function chooseDefaults() {
  const parameters = xColumns.filter((column) => column.group === "parameter" && column.varies);
  const numbers = parameters.filter(plain).sort((a, b) => b.values.length - a.values.length);
  const known = (value, list) => list.some((column) => identity(column) === value);
  if (!known(view.y, yColumns)) view.y = identity(yColumns[0]);
  const x = numbers[0] ?? parameters[0] ?? xColumns[0];
  if (!known(view.x, xColumns)) view.x = identity(x);
  const others = parameters.filter((column) => identity(column) !== view.x && colourColumns.includes(column));
  const colour = others.find((column) => few(column, PALETTE)) ?? others[0];
  if (view.colour !== NONE && !known(view.colour, colourColumns)) view.colour = colour ? identity(colour) : NONE;
  for (const name of ["x", "y", "colour"]) defaults[name] = defaults[name] || view[name];
}

function drawPlot(selected) {
  if (!yColumns.length || !xColumns.length || !chart.clientWidth) return;
  const find = (value) => columns.find((column) => identity(column) === value);
  const [x, y, colour] = [find(view.x), find(view.y), find(view.colour)];
  const [logx, logy] = [isLogarithmic(x, "logx"), isLogarithmic(y, "logy")];
  const usable = selected.map((variant) => ({ variant, x: variant.cells[x.place], y: variant.cells[y.place], colour: colour ? variant.cells[colour.place] : null }))
    .filter((point) => fits(point.x, plain(x), logx) && fits(point.y, true, logy));
  const step = Math.ceil(usable.length / POINTS);
  points = usable.filter((_, place) => place % Math.max(step, 1) === 0);
  note(selected.length, usable.length);
  const size = { width: chart.clientWidth, height: Math.round(Math.min(440, Math.max(280, chart.clientWidth * 0.5))) };
  const picture = svg("svg", { width: size.width, height: size.height, role: "img", "aria-label": `${y.name} against ${x.name}: ${points.length} variants` });
  chart.replaceChildren(picture);
  document.getElementById("legend").replaceChildren();
  if (points.length) drawPoints(picture, size, { x, y, colour, logx, logy });
}

function fits(value, number, log) {
  if (!number) return value !== null;
  return typeof value === "number" && (!log || value > 0);
}

function note(all, usable) {
  const parts = [];
  if (usable < all) parts.push(`${(all - usable).toLocaleString("en")} of ${all.toLocaleString("en")} variants have no value to show here.`);
  if (usable > POINTS) parts.push(`${points.length.toLocaleString("en")} points are drawn, evenly chosen.`);
  const place = document.getElementById("plot-note");
  place.textContent = parts.join(" ");
  place.hidden = !parts.length;
}

function drawPoints(picture, { width, height }, { x, y, colour, logx, logy }) {
  const scaleOf = (column, name, log, from, to) => {
    const values = points.map((point) => point[name]);
    return (plain(column) ? (log ? logarithmic : linear) : categorical)(values, from, to);
  };
  const across = scaleOf(x, "x", logx, MARGIN.left, width - MARGIN.right);
  const up = scaleOf(y, "y", logy, height - MARGIN.bottom, MARGIN.top);
  drawAxes(picture, width, height, across, up, x, y);
  const paint = painter(colour);
  for (const point of points) [point.left, point.top] = [across.at(point.x), up.at(point.y)];
  drawLines(picture, x, paint);
  const radius = points.length > 1500 ? 2.2 : points.length > 300 ? 3 : 4.2;
  for (const point of points) {
    const { fill, style, shape } = paint(point.colour);
    picture.append(svg("path", { class: `point ${style}`, fill, d: SHAPES[shape](radius), transform: `translate(${point.left.toFixed(1)},${point.top.toFixed(1)})` }));
  }
}

function drawAxes(picture, width, height, across, up, x, y) {
  const floor = height - MARGIN.bottom;
  for (const [value, text] of up.ticks) {
    const top = up.at(value);
    picture.append(svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: top, y2: top }));
    picture.append(svg("text", { class: "tick", x: MARGIN.left - 8, y: top, dy: "0.32em", "text-anchor": "end" }, text));
  }
  for (const [value, text] of across.ticks) {
    const left = across.at(value);
    picture.append(svg("line", { class: "axis", x1: left, x2: left, y1: floor, y2: floor + 5 }));
    picture.append(svg("text", { class: "tick", x: left, y: floor + 19, "text-anchor": "middle" }, text));
  }
  picture.append(svg("line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: floor, y2: floor }));
  picture.append(svg("text", { class: "name", x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 8, "text-anchor": "middle" }, x.name));
  const middle = (MARGIN.top + floor) / 2;
  picture.append(svg("text", { class: "name", x: 16, y: middle, "text-anchor": "middle", transform: `rotate(-90 16 ${middle})` }, y.name));
}

// Points are joined where they form a curve: few places on the x axis, and one point of a colour at each.
function drawLines(picture, x, paint) {
  const series = new Map();
  for (const point of points) series.set(point.colour, [...(series.get(point.colour) ?? []), point]);
  const places = new Set(points.map((point) => point.x)).size;
  const curves = [...series.values()].every((members) => new Set(members.map((point) => point.x)).size === members.length);
  if (!plain(x) || places > 40 || places < 3 || !curves || series.size > PALETTE) return;
  for (const [value, members] of series) {
    const { fill, style } = paint(value);
    const path = [...members].sort((a, b) => a.left - b.left).map((point) => `${point.left.toFixed(1)},${point.top.toFixed(1)}`);
    picture.append(svg("polyline", { class: `curve ${style}`, stroke: fill, points: path.join(" ") }));
  }
}

function painter(colour) {
  if (!colour) return () => ({ fill: null, style: "c0", shape: 0 });
  const values = [...new Set(points.map((point) => point.colour).filter((value) => value !== null))].sort(compare);
  const absent = { fill: null, style: "absent", shape: 0 };
  if (few(colour, PALETTE)) {
    const known = new Map([...colour.values].sort(compare).map((value, place) => [value, { fill: null, style: `c${place}`, shape: place % SHAPES.length }]));
    drawKeys(colour, values, known);
    return (value) => known.get(value) ?? absent;
  }
  const [low, high] = extent(values.filter((value) => typeof value === "number"));
  drawGradient(colour, low, high);
  return (value) => (typeof value === "number" ? { fill: gradient(high > low ? (value - low) / (high - low) : 0.5), style: "", shape: 0 } : absent);
}

function drawKeys(colour, values, known) {
  const items = values.map((value) => {
    const { style, shape } = known.get(value);
    const mark = svg("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" });
    mark.append(svg("path", { class: `point ${style}`, d: SHAPES[shape](4.6) }));
    return element("li", {}, mark, format(value));
  });
  document.getElementById("legend").append(element("b", {}, colour.name), element("ul", {}, ...items));
}

function drawGradient(colour, low, high) {
  const bar = svg("svg", { width: 160, height: 10, "aria-hidden": "true" });
  for (let place = 0; place < 40; place += 1) bar.append(svg("rect", { x: place * 4, width: 4.2, height: 10, fill: gradient(place / 39) }));
  document.getElementById("legend").append(element("b", {}, colour.name), element("span", {}, tickText(low)), bar, element("span", {}, tickText(high)));
}

function nearest(event) {
  const box = chart.getBoundingClientRect();
  const [left, top] = [event.clientX - box.left, event.clientY - box.top];
  let best = null;
  let distance = 24 ** 2;
  for (const point of points) {
    const now = (point.left - left) ** 2 + (point.top - top) ** 2;
    if (now < distance) [best, distance] = [point, now];
  }
  return best;
}

function hover(event) {
  const point = nearest(event);
  chart.classList.toggle("near", Boolean(point));
  tip.hidden = !point;
  if (!point) return;
  const find = (value) => columns.find((column) => identity(column) === value);
  tip.replaceChildren(
    element("b", {}, `Variant ${point.variant.index}`),
    element("span", {}, element("i", {}, find(view.y).name), ` ${format(point.y)}`),
    pairList(point.variant, 6));
  tip.style.left = `${Math.min(point.left + 14, chart.clientWidth - tip.offsetWidth - 4)}px`;
  tip.style.top = `${Math.max(0, point.top - tip.offsetHeight - 10)}px`;
}

function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
