// The table of squares beside the map: what is typical of each; sorted, chosen, gone to.

import { fill, h } from "./dom.js";
import { whole } from "./format.js";
import { label } from "./library-columns.js";
import { COLOURS, even } from "./map-scale.js";

const SHORT = { ctf_resolution: "CTF", ice_ring: "Ice", drift_range: "Drift", particle_count: "Picks" };
const USUAL = ["ctf_resolution", "ice_ring", "drift_range", "particle_count"];
const LOW_IS_GOOD = new Set(["ctf_resolution", "ice_ring", "drift_range", "drift_path", "astigmatism"]);

/** The values that the table shows: the usual ones that there are, and the one that colours. */
export function tableValues(fields, colour) {
  const usual = USUAL.filter((name) => name in fields.values);
  const first = usual.length ? usual : Object.keys(fields.values).filter((name) => fields.values[name].kind !== "text").slice(0, 3);
  return colour === "flag" || first.includes(colour) ? first : [...first, colour];
}

/** Make the table; choose(number, more) is called for a row, sorted by a click on a head. */
export function makeSquares(element, { fields, choose, colour: first }) {
  let sort = { name: USUAL.includes(first) ? first : "images", descending: !LOW_IS_GOOD.has(first) };
  let last = null;

  const value = (square, name) => name === "name" ? square.name : name === "images" ? square.images : square.medians[name];

  function ordered(squares) {
    const sign = sort.descending ? -1 : 1;
    return [...squares].sort((a, b) => {
      const [one, other] = [value(a, sort.name), value(b, sort.name)];
      if (one === null || other === null) return (one === null) - (other === null);
      if (typeof one === "string") return sign * one.localeCompare(other, undefined, { numeric: true });
      return sign * (one - other) || a.number - b.number;
    });
  }

  function head(name, text, title) {
    const on = sort.name === name;
    return h("th", { scope: "col", "aria-sort": on ? (sort.descending ? "descending" : "ascending") : null },
      h("button.quiet", { text: text + (on ? (sort.descending ? " ↓" : " ↑") : ""), title, onclick: () => {
        // The best squares come first: few Å, little ice, many particles.
        sort = { name, descending: on ? !sort.descending : name === "images" || (name !== "name" && !LOW_IS_GOOD.has(name)) };
        draw(last);
      } }));
  }

  function row(square, names, { chosen, colour }) {
    const on = chosen.has(square.number);
    const press = (event) => choose(square.number, event.shiftKey || event.ctrlKey || event.metaKey);
    return h(`tr${on ? ".chosen" : ""}`, { onclick: press },
      h("th", { scope: "row" }, h("button.quiet.name", { title: "go there (shift: choose several)", "aria-pressed": String(on) },
        h("i.swatch", { "aria-hidden": "true", style: { background: square.step >= 0 ? COLOURS[square.step] : "transparent" } }), h("bdi", { text: square.name }))),
      h("td.number", { text: whole(square.images), title: `${whole(square.done)} processed, ${whole(square.failed)} failed${square.holes ? `, ${whole(square.holes)} holes` : ""}` }),
      ...names.map((name) => h(`td.number${name === colour ? ".now" : ""}`, { text: even(square.medians[name]) })));
  }

  function draw(shown) {
    last = shown;
    const { squares, names, colour } = shown;
    const unit = (name) => fields.values[name]?.unit;
    const scroll = element.scrollTop;
    const focused = [...element.querySelectorAll("button.name")].indexOf(document.activeElement);
    fill(element, h("table.squares", {},
      h("thead", {}, h("tr", {}, head("name", "Square", "by number"), head("images", "n", "images"),
        ...names.map((name) => head(name, SHORT[name] ?? label(name), `median of ${label(name)}${unit(name) ? `, ${unit(name)}` : ""}${name === colour ? "; colours the map" : ""}`)))),
      h("tbody", {}, h("tr.units", { "aria-hidden": "true" }, h("td"), h("td"), ...names.map((name) => h("td.number", { text: unit(name) || "" }))),
        ...ordered(squares).map((square) => row(square, names, shown)))));
    element.scrollTop = scroll;
    if (focused >= 0) element.querySelectorAll("button.name")[focused]?.focus({ preventScroll: true });
  }

  return { draw, order: () => (last ? ordered(last.squares) : []) };
}
