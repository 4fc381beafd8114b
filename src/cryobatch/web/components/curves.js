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

const SIDE = 300;

/**
 * Draw the track of a micrograph's content over the frames, in Å: the whole frame's, with the error
 * of one shift around its end, and those of its parts, faint. The first frame is hollow.
 */
export function drawTrack({ x_angstrom: x, y_angstrom: y, first_frame: first, uncertainty_angstrom: error, local }) {
  const all = (own, parts) => parts ? [own, ...parts].flat() : own;
  const [left, right] = extent(all(x, local?.x_angstrom));
  const [low, high] = extent(all(y, local?.y_angstrom));
  const span = Math.max(right - left, high - low, 0.5) * 1.2;
  const middle = [(left + right) / 2, (low + high) / 2];
  const across = (value) => SIDE / 2 + (value - middle[0]) / span * SIDE;
  const up = (value) => SIDE / 2 - (value - middle[1]) / span * SIDE;
  const step = [50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1].find((one) => one <= span / 3) ?? 0.1;
  const svg = s("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": `Track of the drift over ${x.length} frames` });
  for (let line = Math.ceil((middle[0] - span / 2) / step); line * step < middle[0] + span / 2; line += 1) {
    svg.append(s("line", { x1: across(line * step), x2: across(line * step), y1: 0, y2: SIDE, stroke: "var(--line)" }));
  }
  for (let line = Math.ceil((middle[1] - span / 2) / step); line * step < middle[1] + span / 2; line += 1) {
    svg.append(s("line", { x1: 0, x2: SIDE, y1: up(line * step), y2: up(line * step), stroke: "var(--line)" }));
  }
  const path = (xs, ys) => xs.map((value, one) => `${one ? "L" : "M"}${across(value).toFixed(1)} ${up(ys[one]).toFixed(1)}`).join("");
  local?.x_angstrom.forEach((track, one) => svg.append(s("path", { class: "part", d: path(track, local.y_angstrom[one]), fill: "none", stroke: "var(--soft)", "stroke-opacity": 0.3 })));
  if (error) svg.append(s("circle", { class: "error", cx: across(x.at(-1)), cy: up(y.at(-1)), r: error / span * SIDE, fill: "var(--accent)", "fill-opacity": 0.22 }));
  svg.append(s("path", { d: path(x, y), fill: "none", stroke: "var(--accent)", "stroke-width": 2.2, "stroke-linejoin": "round" }));
  x.forEach((value, one) => {
    const dot = s("circle", { class: "frame", cx: across(value), cy: up(y[one]), r: one ? 2.6 : 6, fill: one ? "var(--accent)" : "var(--ground)", stroke: "var(--accent)", "stroke-width": one ? 0 : 2.4 });
    dot.append(s("title", { text: `frame ${first + one}: ${short(value)}, ${short(y[one])} Å` }));
    svg.append(dot);
  });
  svg.append(s("text", { x: 8, y: SIDE - 9, fill: "var(--soft)", "font-size": 13, text: `grid ${measure(step, "Å")}` }));
  return svg;
}

const RINGS = [30, 20, 15, 10, 8, 7, 6, 5, 4.5, 4, 3.5, 3, 2.7, 2.5, 2.2, 2, 1.8, 1.6, 1.5, 1.3, 1.2, 1.1, 1];

/** Draw the average of a spectrum along its rings, brought to the level of its surroundings, and |CTF|. */
export function drawCurve({ frequency, average, fit, correlation }, resolution, width, height) {
  const [edge, bottom] = [6, height - 20];
  const start = Math.max(0, frequency.findIndex((one) => one >= 1 / 40));
  const [first, last] = [frequency[start], frequency.at(-1)];
  const across = (one) => edge + (one - first) / (last - first) * (width - 2 * edge);
  const up = (level) => 4 + (bottom - 8) * (1 - Math.min(Math.max(level, 0), 1));
  const path = (values) => values.map((value, one) => one < start ? "" : `${one === start ? "M" : "L"}${across(frequency[one]).toFixed(1)} ${up(value).toFixed(1)}`).join("");
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Spectrum along its rings, and the fitted CTF" });
  const end = resolution && 1 / resolution < last ? across(1 / resolution) : null;
  if (end !== null) svg.append(s("rect", { x: end, y: 0, width: Math.max(0, width - edge - end), height: bottom, fill: "var(--raised)", opacity: 0.75 }));
  let free = -Infinity;
  for (const angstrom of RINGS) {
    const at = across(1 / angstrom);
    if (at < edge || at > width - edge || at - free < 44) continue;
    free = at;
    svg.append(s("line", { x1: at, x2: at, y1: 0, y2: bottom, stroke: "var(--line)" }),
      s("text", { x: Math.min(Math.max(at, 16), width - 16), y: height - 5, fill: "var(--soft)", "font-size": 11, "text-anchor": "middle", text: measure(angstrom, "Å") }));
  }
  const line = (values, colour, more) => svg.append(s("path", { d: path(values), fill: "none", stroke: colour, "stroke-width": 1.4, "stroke-linejoin": "round", ...more }));
  if (fit.some((one) => one > 0)) {
    line(correlation ?? [], "var(--good)", { "stroke-dasharray": "2 3" });
    line(fit, "var(--warn)", { "stroke-opacity": 0.9 });
  }
  line(normalise(average.map((one) => Math.log(Math.max(one, 1e-9))), start), "var(--accent)", { "stroke-width": 1.8 });
  if (end !== null) svg.append(s("line", { x1: end, x2: end, y1: 0, y2: bottom, stroke: "var(--ink)", "stroke-opacity": 0.6, "stroke-dasharray": "4 3" }));
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
