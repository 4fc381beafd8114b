// Histograms of the shown values: drag a range to filter by it, or type its ends.

import { calmly, fill, h, setText } from "./dom.js";
import { short, whole } from "./format.js";
import { label } from "./library-columns.js";
import { readRanges, withRange } from "./library-ranges.js";
import { whenReleased } from "./press.js";

const BINS = 48;
const SIZE = { width: 320, height: 54 };
const OUTLYING = 0.005;
const MANY = 20_000;

/** Where the bars begin and end: few outliers stand in the outermost ones. */
function measureSpan(values) {
  const sorted = Float64Array.from(values).sort();
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(part * (sorted.length - 1))))];
  let [low, high] = [at(OUTLYING), at(1 - OUTLYING)];
  const room = 0.25 * (high - low);
  if (sorted[0] >= low - room) low = sorted[0];
  if (sorted.at(-1) <= high + room) high = sorted.at(-1);
  if (!(high > low)) [low, high] = [low - 0.5, high + 0.5];
  return { low, high };
}

const place = (value, { low, high }) => Math.min(BINS - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * BINS)));

/** Three digits: as many as a person can mean with a finger. */
const round = (value, { low, high }) => Number(value.toFixed(Math.max(0, Math.ceil(2.3 - Math.log10(high - low)))));

function path(counts, most) {
  const step = SIZE.width / BINS;
  return counts.map((count, bin) => {
    if (!count) return "";
    const tall = Math.max(1.5, Math.sqrt(count / most) * (SIZE.height - 4));
    return `M${(bin * step).toFixed(1)} ${SIZE.height}v${(-tall).toFixed(1)}h${(step - 1).toFixed(1)}v${tall.toFixed(1)}z`;
  }).join("");
}

function svg(tag, given = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(given)) element.setAttribute(key, value);
  return element;
}

/**
 * Show the panel in a side element.
 * @param {object} given {side, grid, rows, fields, passes(), where(), setWhere(text)}
 */
export function showHistograms(given) {
  const { side, grid, rows, fields } = given;
  side.hidden = false;
  side.dataset.shows = "histograms";
  const list = h("div.histograms");
  const passing = h("span.soft", { role: "status" });
  const charts = new Map();
  fill(side,
    h("div.bar", {}, h("h2", { text: "Histograms" }), passing, h("span.space"),
      h("button.quiet", { text: "No ranges", title: "take all ranges out of the filter", onclick: () => given.setWhere(readRanges(given.where()).base) }),
      h("button.quiet", { text: "×", "aria-label": "Close", onclick: () => { side.hidden = true; } })),
    h("p.soft", { text: "Drag over a range to filter by it; several at once. Grey: all images, colour: those that pass." }), list);

  function showAll() {
    if (side.hidden || side.dataset.shows !== "histograms") return;
    const names = grid.getColumns().filter((one) => one.isVisible() && fields.values[one.getColId()] && fields.values[one.getColId()].kind !== "text").map((one) => one.getColId());
    const { ranges } = readRanges(given.where());
    const passes = given.passes();
    setText(passing, passes ? `${whole(passes.size)} of ${whole(rows.count)}` : whole(rows.count));
    const shown = names.filter((name) => {
      if (!charts.has(name)) charts.set(name, new Chart(name, fields.values[name], (low, high) => given.setWhere(withRange(given.where(), name, low, high))));
      return charts.get(name).show(rows.known.values(), passes, ranges.get(name) ?? { low: null, high: null });
    });
    if ([...list.children].map((one) => one.dataset.name).join() !== shown.join()) {
      list.replaceChildren(...shown.map((name) => charts.get(name).element));
    }
    if (!shown.length) fill(list, h("p.soft", { text: "No shown column has numbers yet. Choose others with Columns (v)." }));
  }
  showAll();
  const show = () => whenReleased(showAll);
  return { showAll: show, soon: calmly(show, rows.count > MANY ? 2000 : 400) };
}

class Chart {
  constructor(name, { unit, help }, choose) {
    this.choose = choose;
    this.span = null;
    this.all = svg("path", { class: "all" });
    this.some = svg("path", { class: "some" });
    this.brush = svg("rect", { class: "brush", y: "0", height: String(SIZE.height), width: "0" });
    this.plot = svg("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    this.plot.append(this.all, this.some, this.brush);
    const ends = ["from", "to"].map((end) => h("input", {
      type: "number", step: "any", "aria-label": `${label(name)} ${end}`, onchange: () => this.type(),
    }));
    [this.from, this.to] = ends;
    this.clear = h("button.quiet", { text: "×", title: "any value", "aria-label": `${label(name)}: any value`, hidden: true, onclick: () => choose(null, null) });
    this.number = h("span.soft");
    this.element = h("section.histogram", { "data-name": name, title: help },
      h("div.head", {}, h("h3", { text: label(name) }), h("span.soft", { text: unit }), h("span.space"), this.number, this.clear),
      this.plot, h("div.ends", {}, this.from, this.to));
    this.plot.addEventListener("pointerdown", (event) => this.drag(event));
  }

  /** Draw; false where there is nothing to draw. */
  show(rows, passes, range) {
    const name = this.element.dataset.name;
    const values = [];
    const passed = [];
    for (const row of rows) {
      const value = row[name];
      if (typeof value !== "number") continue;
      values.push(value);
      passed.push(passes === null || passes.has(row.id));
    }
    if (!values.length) return false;
    this.span = measureSpan(values);
    const [all, some] = [new Array(BINS).fill(0), new Array(BINS).fill(0)];
    let number = 0;
    values.forEach((value, one) => {
      const bin = place(value, this.span);
      all[bin] += 1;
      if (passed[one]) { some[bin] += 1; number += 1; }
    });
    const most = Math.max(...all);
    this.all.setAttribute("d", path(all, most));
    this.some.setAttribute("d", path(some, most));
    setText(this.number, whole(number));
    this.mark(range);
    return true;
  }

  mark({ low, high }) {
    this.clear.hidden = low === null && high === null;
    this.draw(low === null ? 0 : this.toX(low), this.clear.hidden ? 0 : high === null ? SIZE.width : this.toX(high));
    for (const [input, value, end] of [[this.from, low, this.span.low], [this.to, high, this.span.high]]) {
      if (document.activeElement !== input) input.value = value ?? "";
      input.placeholder = short(end);
    }
  }

  draw(from, to) {
    this.brush.setAttribute("x", String(Math.min(from, to)));
    this.brush.setAttribute("width", String(Math.abs(to - from)));
  }

  toX(value) {
    return Math.min(1, Math.max(0, (value - this.span.low) / (this.span.high - this.span.low))) * SIZE.width;
  }

  type() {
    const [low, high] = [this.from, this.to].map((input) => input.value === "" ? null : Number(input.value));
    this.choose(low, high);
  }

  drag(event) {
    const box = this.plot.getBoundingClientRect();
    const x = ({ clientX }) => Math.min(1, Math.max(0, (clientX - box.left) / box.width)) * SIZE.width;
    const begun = x(event);
    this.plot.setPointerCapture(event.pointerId);
    const over = new AbortController();
    const move = (moved) => this.draw(begun, x(moved));
    const end = (ended) => {
      over.abort();
      if (ended.type === "pointercancel") return; // the next look draws what holds
      const [from, to] = [begun, x(ended)].sort((a, b) => a - b);
      // A click takes the range back.
      if (to - from < 3) this.choose(null, null);
      else this.choose(...[from, to].map((one) => this.toValue(one)));
    };
    for (const [name, run] of [["pointermove", move], ["pointerup", end], ["pointercancel", end]]) {
      this.plot.addEventListener(name, run, { signal: over.signal });
    }
    event.preventDefault();
  }

  /** At the border a range is open: outliers stand there. */
  toValue(at) {
    if (at <= 1 || at >= SIZE.width - 1) return null;
    return round(this.span.low + (at / SIZE.width) * (this.span.high - this.span.low), this.span);
  }
}
