// Curves of one image, drawn as SVG: the track of the drift, and the spectrum beside its fit.

import { measure, short } from "./format.js";

function s(tag, given = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(given)) {
    if (key === "text") element.textContent = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const extent = (values) => [Math.min(...values), Math.max(...values)];

/** Draw the track of a micrograph's content over the frames, in Å; the first frame is hollow. */
export function drawTrack({ x_angstrom: x, y_angstrom: y, first_frame: first }) {
  const [left, right] = extent(x);
  const [low, high] = extent(y);
  const span = Math.max(right - left, high - low, 0.5) * 1.25;
  const middle = [(left + right) / 2, (low + high) / 2];
  const side = 300;
  const at = (one) => [side / 2 + (x[one] - middle[0]) / span * side, side / 2 - (y[one] - middle[1]) / span * side];
  const points = x.map((_, one) => at(one));
  const step = [50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1].find((one) => one <= span / 3) ?? 0.1;
  const svg = s("svg", { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": `Track of the drift over ${x.length} frames` });
  for (let line = Math.ceil((middle[0] - span / 2) / step); line * step < middle[0] + span / 2; line += 1) {
    const px = side / 2 + (line * step - middle[0]) / span * side;
    svg.append(s("line", { x1: px, x2: px, y1: 0, y2: side, stroke: "var(--line)" }));
  }
  for (let line = Math.ceil((middle[1] - span / 2) / step); line * step < middle[1] + span / 2; line += 1) {
    const px = side / 2 - (line * step - middle[1]) / span * side;
    svg.append(s("line", { x1: 0, x2: side, y1: px, y2: px, stroke: "var(--line)" }));
  }
  points.slice(1).forEach((point, one) => {
    const age = 0.35 + 0.65 * (1 - one / points.length);
    svg.append(s("line", { x1: points[one][0], y1: points[one][1], x2: point[0], y2: point[1], stroke: "var(--accent)", "stroke-width": 2.4, "stroke-opacity": age, "stroke-linecap": "round" }));
  });
  points.forEach(([px, py], one) => {
    const dot = s("circle", { cx: px, cy: py, r: one ? 3 : 6, fill: one ? "var(--accent)" : "var(--ground)", stroke: "var(--accent)", "stroke-width": one ? 0 : 2.4 });
    dot.append(s("title", { text: `frame ${first + one}: ${short(x[one])}, ${short(y[one])} Å` }));
    svg.append(dot);
  });
  svg.append(s("text", { x: 8, y: side - 9, fill: "var(--soft)", "font-size": 13, text: `grid ${measure(step, "Å")}` }));
  return svg;
}

/** Draw the average of a spectrum along its rings, brought to the level of its surroundings, and |CTF|. */
export function drawCurve({ frequency, average, fit, correlation }, resolution) {
  const [width, height, left, bottom] = [640, 150, 8, 20];
  const start = frequency.findIndex((one) => one >= 1 / 40);
  const seen = normalise(average.map((one) => Math.log(Math.max(one, 1e-9))), start);
  const last = frequency.at(-1);
  const px = (one) => left + frequency[one] / last * (width - 2 * left);
  const py = (level) => (height - bottom) * (1 - Math.min(Math.max(level, 0), 1)) + 2;
  const path = (values) => values.map((value, one) => one < start ? "" : `${one === start ? "M" : "L"}${px(one).toFixed(1)} ${py(value).toFixed(1)}`).join("");
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "Spectrum along its rings, and the fitted CTF" });
  for (const angstrom of [20, 10, 7, 5, 4, 3.5, 3, 2.5, 2, 1.5]) {
    const at = left + (1 / angstrom) / last * (width - 2 * left);
    if (1 / angstrom > last) break;
    svg.append(s("line", { x1: at, x2: at, y1: 0, y2: height - bottom, stroke: "var(--line)", "vector-effect": "non-scaling-stroke" }),
      s("text", { x: at, y: height - 5, fill: "var(--soft)", "font-size": 11, "text-anchor": "middle", text: `${angstrom} Å` }));
  }
  if (resolution && 1 / resolution < last) {
    const at = left + (1 / resolution) / last * (width - 2 * left);
    svg.append(s("rect", { x: at, y: 0, width: Math.max(0, width - left - at), height: height - bottom, fill: "var(--raised)", opacity: 0.6 }));
  }
  const line = (values, colour, more) => svg.append(s("path", { d: path(values), fill: "none", stroke: colour, "stroke-width": 1.5, "vector-effect": "non-scaling-stroke", ...more }));
  if (fit.some((one) => one > 0)) {
    line(correlation ?? [], "var(--good)", { "stroke-opacity": 0.7, "stroke-dasharray": "2 3" });
    line(fit, "var(--warn)", {});
  }
  line(seen, "var(--accent)", { "stroke-width": 1.8 });
  return svg;
}

/** Bring a curve to mean 0.5 and equal contrast along its length. */
function normalise(values, start) {
  const reach = Math.max(8, Math.round(values.length / 12));
  const around = (list, one) => {
    const some = list.slice(Math.max(start, one - reach), one + reach + 1);
    return some.reduce((sum, each) => sum + each, 0) / some.length;
  };
  const rest = values.map((value, one) => one < start ? 0 : value - around(values, one));
  const square = rest.map((value) => value * value);
  return rest.map((value, one) => one < start ? 0.5 : 0.5 + value / Math.sqrt(around(square, one) + 1e-12) / 4);
}
