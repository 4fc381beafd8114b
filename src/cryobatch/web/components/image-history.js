// An earlier run beside the present one: values with their differences, parameters, pictures.

import { fill, h } from "./dom.js";
import { clock, duration, short } from "./format.js";
import { ask } from "./rest.js";

const plain = (name) => name.replaceAll("_", " ");
const moment = (iso) => clock(Date.parse(iso) / 1000);
const text = (value) => value === null || value === undefined || value === "" ? "–" : typeof value === "number" ? short(value) : String(value);
const same = (one, other) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

/** Draw the earlier runs of one script; they are fetched when a person opens them. */
export function drawEarlier(run, number, view, id, frame) {
  const place = h("div.earlier");
  const details = h("details", {
    async ontoggle() {
      if (!details.open || place.childNodes.length) return;
      const found = await frame.attempt(ask(`/images/${id}/history`));
      if (found) fill(place, ...found.history.filter((one) => one.script === run.script).map((one) => compare(one, run, view, id)));
    },
  }, h("summary", { text: `Earlier runs (${number})` }), place);
  details.dataset.name = `earlier ${run.script}`;
  return details;
}

function compare(then, now, view, id) {
  const present = new Map(now.values.map((one) => [one.name, one]));
  const names = [...new Set([...Object.keys(then.values), ...present.keys()])];
  const changed = [...new Set([...Object.keys(then.parameters), ...Object.keys(now.parameters)])]
    .filter((name) => !same(then.parameters[name], now.parameters[name]));
  return h("section", { "aria-label": `Run of ${moment(then.started_at)}` },
    h("div.from", { text: `${moment(then.started_at)} · version ${then.version} · ${duration(then.seconds)} · batch ${then.batch}` }),
    changed.length > 0 && h("p.changed", {}, "Set otherwise: ", ...changed.flatMap((name, one) => [one ? ", " : "", h("span", {}, `${plain(name)} `, h("strong", { text: text(then.parameters[name]) }), ` → ${text(now.parameters[name])}`)])),
    names.length > 0 && h("table", {},
      h("thead", {}, h("tr", {}, h("td"), ...["then", "now", "change"].map((name) => h("th.number", { scope: "col", text: name })))),
      h("tbody", {}, ...names.map((name) => row(name, then.values[name], present.get(name))))),
    then.pictures.length > 0 && h("div.pairs", {}, ...then.pictures.flatMap((product) => pair(product, then, now, id))));
}

function row(name, before, present) {
  const after = present?.value;
  const unit = present?.unit ? `\u202f${present.unit}` : "";
  const differs = !same(before, after);
  let change = differs ? "other" : "=";
  if (typeof before === "number" && typeof after === "number" && differs) {
    const by = after - before;
    change = `${by > 0 ? "+" : "−"}${short(Math.abs(by))}${unit}`;
  }
  return h(differs ? "tr" : "tr.soft", {}, h("th", { scope: "row", title: present?.help, text: plain(name) }),
    h("td.number", { text: text(before), title: String(before ?? "") }), h("td.number", { text: text(after), title: present?.absent ?? String(after ?? "") }), h("td.number", { text: change }));
}

function pair(product, then, now, id) {
  const title = plain(product.replace(/_thumbnail$/, ""));
  const old = `/api/v1/images/${id}/history/${encodeURIComponent(then.name)}/${product}`;
  const figure = (src, when) => h("figure", {}, h("img", { src, loading: "lazy", alt: `${title} ${when}` }), h("figcaption", { text: `${title}, ${when}` }));
  // The time of the run in the address: a browser keeps the picture of another run for itself.
  const present = `/api/v1/images/${id}/thumbnails/${product}?run=${encodeURIComponent(now.started_at)}`;
  return [figure(old, "then"), product in now.products && figure(present, "now")].filter(Boolean);
}
