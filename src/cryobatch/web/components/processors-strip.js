// Strips: what each processor did in the last hour, a colour for each script.

import { fill, h, setText } from "./dom.js";
import { duration } from "./format.js";

// Told apart by people who see few colours too (Okabe and Ito), and again by their order below.
const COLOURS = ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#8f7ee7", "#b8b03c", "#7d919c"];
const UNKNOWN = "rest";
const HEIGHT = 26;

const colourOf = (place) => (place < 0 ? getComputedStyle(document.documentElement).getPropertyValue(`--${UNKNOWN}`).trim() : COLOURS[place % COLOURS.length]);

/** Return the strip of one processor; show() draws it. */
export function makeStrip(id) {
  const canvas = h("canvas.strip-hour", { role: "img", height: HEIGHT });
  const said = h("span");
  const element = h("div.hour", {}, canvas, h("div.row", {}, said, h("span", { text: "now" })));
  let latest = null;
  const draw = () => latest && drawStrip(canvas, latest.strip);
  new ResizeObserver(draw).observe(element);
  document.addEventListener("themechange", draw);
  return {
    element,
    show(hour) {
      const strip = hour.processors[id];
      element.hidden = !strip;
      if (!strip) return;
      latest = { strip };
      const words = `busy ${Math.round(strip.busy * 100)} % of the last ${hour.span_s > 3300 ? "hour" : duration(Math.round(hour.span_s))}`;
      setText(said, words);
      canvas.setAttribute("aria-label", `${id}: ${words}`);
      draw();
    },
  };
}

function drawStrip(canvas, { shares, scripts }) {
  const width = canvas.clientWidth;
  if (!width) return;
  const density = devicePixelRatio || 1;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(HEIGHT * density);
  const pen = canvas.getContext("2d");
  pen.scale(density, density);
  const step = width / shares.length;
  shares.forEach((share, place) => {
    if (!share) return;
    const height = Math.max(2, (share / 100) * HEIGHT);
    pen.fillStyle = colourOf(scripts[place]);
    pen.fillRect(place * step, HEIGHT - height, Math.ceil(step * density) / density, height);
  });
}

/** Show which colour is which script, for those that ran. */
export function showLegend(element, { names }) {
  const key = names.join();
  if (element.dataset.shown === key) return;
  element.dataset.shown = key;
  element.hidden = !names.length;
  const item = (place, text) => h("li", {}, h("i", { style: { background: colourOf(place) }, "aria-hidden": "true" }), h("span", { text }));
  fill(element, h("li.soft", { text: "The last hour:" }), ...names.map((name, place) => item(place, name)), item(-1, "between scripts"));
}
