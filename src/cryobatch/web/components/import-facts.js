// Acquisition facts: what is known of the latest images, where it comes from, and what disagrees.

import { fill, h } from "./dom.js";
import { count, short } from "./format.js";
import { ask } from "./rest.js";

/** Fill a panel with the facts, and keep it up to date. */
export async function startFacts(panel, frame) {
  const wrong = h("ul.notices");
  const said = h("span.soft");
  const table = h("table.known");
  const body = h("div.known-scroll", {}, table);
  panel.append(h("div.chart-head", {}, h("h2", { text: "Acquisition facts" }), said), wrong, body);
  let shown = "";

  async function show() {
    const found = await ask("/acquisition");
    const text = JSON.stringify([found.facts, found.disagreements, found.alarms, found.doubts]);
    if (text === shown) return;
    shown = text;
    said.textContent = found.images ? `of the latest ${count(found.images, "image")}` : "";
    fill(wrong, ...found.alarms.map((one) => notice("error", "✕", one)),
      ...found.disagreements.map((one) => notice("warning", "▲", `${one.first}: ${one.text}; correct the wrong one`)),
      ...found.doubts.map((one) => notice("warning", "▲", `${one.text} (${count(one.images, "image")})`)));
    fill(table, ...drawTable(found.facts));
    if (!found.facts.length) fill(table, h("caption.soft", { text: "They appear with the first image: pixel size, voltage, dose and the rest, each with where it comes from." }));
  }
  frame.on(["images"], () => frame.attempt(show()), 5000);
  await frame.attempt(show());
}

const notice = (level, mark, text) => h(`li.${level}`, {}, h(level === "error" ? "span.bad" : "span.warn", { "aria-hidden": "true", text: mark }), h("span", { text }));

function drawTable(facts) {
  return [
    h("thead", {}, h("tr", {}, h("th", { text: "Fact" }), h("th.number", { text: "Value" }), h("th", { text: "From" }))),
    h("tbody", {}, ...facts.map((fact) => h("tr", {},
      h("th", { scope: "row", title: fact.help, text: fact.name.replaceAll("_", " ") }),
      h("td.number", { title: fact.values.map((one) => label(one, fact.kind)).join(", ") }, ...drawValue(fact)),
      h("td", { title: fact.example }, ...drawSources(fact.sources))))),
  ];
}

function drawValue(fact) {
  const unit = fact.unit && h("span.soft", { text: `\u202f${fact.unit}` });
  if (fact.different === 1) return [label(fact.values[0], fact.kind), unit];
  if (fact.low !== null) return [`${short(fact.low)} … ${short(fact.high)}`, unit];
  return [h("span", { text: `${label(fact.values[0], fact.kind)} … ` }), h("span.soft", { text: `${fact.different} different` })];
}

function label(value, kind) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return kind === "int" ? String(value) : short(value);
  return kind === "file" ? value.split("/").at(-1) : value;
}

function drawSources(sources) {
  return Object.entries(sources).map(([source, number], _, all) => h("span.fact-source", {
    text: all.length > 1 ? `${source} (${number})` : source,
  }));
}
