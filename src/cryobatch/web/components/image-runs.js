// Runs of scripts on one image: values with units, where they come from, logs; and facts.

import { fill, h } from "./dom.js";
import { bytes, clock, duration, short } from "./format.js";
import { drawEarlier } from "./image-history.js";
import { ask } from "./rest.js";

const text = (value) => value === null || value === undefined || value === "" ? "–" : typeof value === "number" ? short(value) : String(value);
const moment = (iso) => clock(Date.parse(iso) / 1000);

function table(rows) {
  return h("table", {}, h("tbody", {}, ...rows));
}

function parameterRows(given) {
  return Object.entries(given).map(([name, value]) => h("tr", {}, h("th", { text: name.replaceAll("_", " ") }), h("td.number", { text: text(value) })));
}

function valueRow(one, isStale) {
  const name = h("th", { title: one.help, text: one.name.replaceAll("_", " ") });
  if (one.absent) return h("tr", {}, name, h("td.absent.none", { text: one.absent }));
  const cell = h(typeof one.value === "string" ? "td.absent" : "td.number", { title: one.locked ? "locked by a person" : String(one.value) },
    h(isStale ? "span.is-stale" : "span", { text: text(one.value) }), one.unit && h("span.unit", { text: `\u202f${one.unit}` }), one.locked && h("span.soft", { text: " locked" }));
  return h("tr", {}, name, cell);
}

/** Draw one script's last run. */
export function drawRun(run, view, id, frame) {
  const own = view.parameters[run.script];
  const log = h("div");
  const details = h("details", { ontoggle: () => details.open && !log.childNodes.length && readLog(run.script, id, log, frame) },
    h("summary", { text: "Log" }), log);
  details.dataset.name = `log ${run.script}`;
  const parameters = h("details", {},
    h("summary", { text: `Parameters (${Object.keys(run.parameters).length})${own ? ", some of this image's own" : ""}` }), table(parameterRows(run.parameters)));
  parameters.dataset.name = `parameters ${run.script}`;
  const tools = h("details", {}, h("summary", { text: "Made with" }), table(parameterRows(run.tools)), table(Object.entries(run.products).map(([name, file]) => h("tr", {}, h("th", { text: name }), h("td", { text: file })))));
  tools.dataset.name = `tools ${run.script}`;
  return h("section.panel", { "aria-label": run.title },
    h("h2", {}, run.title, run.stale && h("span.warn", { text: "  ↻ stale", title: "it would give another result now" })),
    h("div.from", { text: `${run.script} ${run.version} · ${duration(run.seconds)} · ${moment(run.started_at)} · ${run.host} ${run.processor} · ${bytes(run.memory_bytes)} · batch ${run.batch}` }),
    table(run.values.map((one) => valueRow(one, run.stale))),
    Object.keys(run.parameters).length > 0 && parameters, tools, view.logs.includes(run.script) && details,
    view.earlier[run.script] > 0 && drawEarlier(run, view.earlier[run.script], view, id, frame));
}

async function readLog(script, id, place, frame) {
  const found = await frame.attempt(ask(`/images/${id}/logs/${script}`));
  if (found) fill(place, h("pre", { tabindex: "0", text: found.text || "It wrote nothing." }));
}

/** Draw what is known about the recording, each fact with where it came from. */
export function drawFacts({ image, facts }) {
  const rows = Object.entries(facts).map(([name, { value, source, corrected, unit }]) => h("tr", { title: `from ${source}` },
    h("th", { text: name.replaceAll("_", " ") }), h("td.number", {}, corrected ? h("strong", { text: `${text(value)} (a person)` }) : fact(value), unit && h("span.unit", { text: `\u202f${unit}` }))));
  const sources = h("details", {}, h("summary", { text: "Where each comes from" }), table(Object.entries(facts).map(([name, { source }]) => h("tr", {}, h("th", { text: name.replaceAll("_", " ") }), h("td", { text: source })))));
  sources.dataset.name = "sources";
  return h("section.panel", { "aria-label": "Recording" },
    h("h2", { text: "Recording" }),
    h("div.from", { text: `${image.root_product}, ${image.columns} × ${image.rows} px, ${image.frames} frame${image.frames === 1 ? "" : "s"}; recorded ${image.recorded_at ? moment(image.recorded_at) : "at an unknown time"}, imported ${moment(image.imported_at)}` }),
    table(rows), sources, h("div.from", { text: image.source }));
}

const fact = (value) => typeof value === "string" && value.includes("/") ? h("span", { title: value, text: `…/${value.split("/").at(-1)}` }) : h("span", { text: text(value) });
