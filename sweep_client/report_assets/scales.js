// Axes and colours of the plot: linear, logarithmic and categorical scales, and palettes that the colour-blind can tell apart.

const BLUE_TO_YELLOW = {
  light: ["#00224e", "#1f4e8c", "#5b7a94", "#8f8a55", "#b8860b"],
  dark: ["#4a90e2", "#7fa6c4", "#aab6a4", "#d8cd7a", "#fee838"],
};
const SHAPES = [
  (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`,
  (r) => `M${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}Z`,
  (r) => `M0,${-1.25 * r}L${1.2 * r},${0.9 * r}H${-1.2 * r}Z`,
  (r) => `M0,${-1.4 * r}L${1.4 * r},0L0,${1.4 * r}L${-1.4 * r},0Z`,
  (r) => `M0,${1.25 * r}L${1.2 * r},${-0.9 * r}H${-1.2 * r}Z`,
  (r) => `M${-r},${-r / 2.6}h${r - r / 2.6}v${r / 2.6 - r}h${r / 1.3}v${r - r / 2.6}h${r - r / 2.6}v${r / 1.3}h${r / 2.6 - r}v${r - r / 2.6}h${-r / 1.3}v${r / 2.6 - r}h${r / 2.6 - r}Z`,
];
const PALETTE = 8;
const dark = matchMedia("(prefers-color-scheme: dark)");

function linear(values, from, to) {
  let [low, high] = extent(values);
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.5, high + (Math.abs(high) || 1) * 0.5];
  const pad = (high - low) * 0.04;
  const at = (value) => from + ((value - low + pad) / (high - low + 2 * pad)) * (to - from);
  return { at, ticks: niceTicks(low, high, Math.abs(to - from) > 500 ? 8 : 5) };
}

function logarithmic(values, from, to) {
  const scale = linear(values.map(Math.log10), from, to);
  const [low, high] = extent(values.map(Math.log10));
  const decades = [];
  for (let power = Math.ceil(low - 1e-9); power <= Math.floor(high + 1e-9); power += Math.max(1, Math.ceil((high - low) / 8))) {
    decades.push([10 ** power, tickText(10 ** power)]);
  }
  const ticks = decades.length > 1 ? decades : scale.ticks.map(([power]) => [10 ** power, tickText(10 ** power)]);
  return { at: (value) => scale.at(Math.log10(value)), ticks };
}

function categorical(values, from, to) {
  const known = [...new Set(values)].sort(compare);
  const places = new Map(known.map((value, place) => [value, from + ((place + 0.5) / known.length) * (to - from)]));
  const room = Math.max(4, Math.floor(Math.abs(to - from) / known.length / 7));
  const shorten = (text) => (text.length > room ? text.slice(0, room - 1) + "…" : text);
  return { at: (value) => places.get(value), ticks: known.map((value) => [value, shorten(format(value))]) };
}

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function niceTicks(low, high, count) {
  const raw = (high - low) / count;
  const base = 10 ** Math.floor(Math.log10(raw));
  const step = base * [1, 2, 5, 10].find((factor) => factor * base >= raw * 0.999);
  const ticks = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) {
    const value = Number((place * step).toPrecision(12));
    ticks.push([value, tickText(value)]);
  }
  return ticks;
}

function tickText(value) {
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e6 || size < 1e-4)) return Number(value.toPrecision(4)).toExponential().replace("e+", "e");
  return Number(value.toPrecision(6)).toLocaleString("en", { maximumFractionDigits: 10, useGrouping: size >= 1e4 });
}

function gradient(share) {
  const stops = BLUE_TO_YELLOW[dark.matches ? "dark" : "light"];
  const place = share * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  const part = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
  const mix = [1, 3, 5].map((at) => Math.round(part(stops[left], at) + (place - left) * (part(stops[left + 1], at) - part(stops[left], at))));
  return `rgb(${mix.join(",")})`;
}
