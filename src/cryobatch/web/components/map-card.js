// The map's legend, and the card that tells of what is under the pointer.

import { fill, h } from "./dom.js";
import { brief, count, measure, short, whole } from "./format.js";
import { label } from "./library-columns.js";
import { gradient } from "./map-scale.js";

/** Values that the card of an image tells of. */
export const TOLD = ["ctf_resolution", "defocus_u", "drift_range", "ice_ring", "particle_count"];
const FLAGS = { green: "● green", amber: "▲ amber", red: "✕ red" };
const GAP_PX = 14;

/** Draw what colours and shapes mean. */
export function drawLegend(element, colour, limits, unit) {
  if (colour === "flag") {
    fill(element, ...Object.entries(FLAGS).map(([flag, text]) => h(`span.flag.${flag}`, { text })), h("span.soft", { text: "○ none yet" }));
    return;
  }
  const scale = limits && h("span.scale", { role: "img", "aria-label": `Scale from ${measure(limits.low, unit)} to ${measure(limits.high, unit)}, half of the images below ${measure(limits.middle, unit)}` },
    h("span.number", { text: (limits.least < limits.low ? "≤ " : "") + short(limits.low) }), h("i", { style: { background: gradient } }),
    h("span.number", { text: (limits.most > limits.high ? "≥ " : "") + measure(limits.high, unit) }));
  fill(element, scale || h("span.soft", { text: "no image has this value yet" }), h("span.soft.shapes", { text: "● value  ○ none yet  ✕ failed" }));
}

/** Fill the card; open() where a touch cannot click through. */
export function fillCard(card, what, { map, squares, fields, colour, open }) {
  const unit = (name) => fields.values[name]?.unit ?? "";
  const line = (name, value) => h(`tr${name === colour ? ".now" : ""}`, {}, h("th", { text: label(name) }), h("td.number", { text: measure(value, unit(name)) }));
  const names = [...new Set([...(colour === "flag" ? [] : [colour]), ...TOLD.filter((name) => name in fields.values)])];
  if (what.image === undefined) {
    const square = squares[what.square];
    fill(card, h("strong", { text: `Square ${square.name}` }),
      h("span.soft", { text: [count(square.images, "image"), square.holes && count(square.holes, "hole"), square.failed && `✕ ${whole(square.failed)} failed`].filter(Boolean).join(", ") }),
      h("table", {}, ...Object.entries(square.medians).filter(([, value]) => value !== null).map(([name, value]) => line(name, value))));
    return;
  }
  const of = (name) => map.images.value(what.image, name);
  const [flag, work] = [of("flag"), of("state")];
  const state = flag ? h(`span.flag.${flag}`, { text: FLAGS[flag] }) : h(`span.state.${work ?? ""}`, { text: work ?? "not submitted" });
  const told = names.filter((name) => typeof of(name) === "number");
  fill(card, h("strong", { text: brief(of("name") ?? "", 34) }), h("span.soft", { text: `square ${squares[map.images.square[what.image]].name}` }), state,
    h("table", {}, ...told.map((name) => line(name, of(name)))),
    !told.length && h("span.soft", { text: "no values yet" }),
    open && h("button.main", { text: "Open", onclick: open }));
}

/** Put the card beside the pointer, inside the map. */
export function placeCard(card, [x, y], place) {
  const wide = card.offsetWidth;
  const high = card.offsetHeight;
  const left = x + GAP_PX + wide > place.clientWidth ? x - GAP_PX - wide : x + GAP_PX;
  const top = Math.min(Math.max(y - high / 2, 6), place.clientHeight - high - 6);
  card.style.transform = `translate(${Math.max(left, 6)}px, ${Math.max(top, 6)}px)`;
}
