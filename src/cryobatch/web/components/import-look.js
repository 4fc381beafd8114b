// What a folder would bring, in plain words, while its path is typed.

import { fill, h } from "./dom.js";
import { brief, bytes, count, whole } from "./format.js";

const STATES = { there: ["good", "●"], absent: ["warn", "▲"], refused: ["bad", "✕"], unreadable: ["bad", "✕"] };

/** Return an element that shows the server's answer about a folder. */
export function makeFolderAnswer() {
  const element = h("div.look", { role: "status", "aria-live": "polite" });

  function show(found, isChange = false) {
    if (!found) return fill(element, h("p.soft", { text: "Write the whole path, as this machine knows it." }));
    const [kind, mark] = STATES[found.state];
    const kinds = Object.entries(found.kinds).map(([name, number]) => `${whole(number)} ${name.toUpperCase()}`).join(", ");
    const size = found.bytes ? ` (${kinds}, ${bytes(found.bytes)})` : "";
    const { sample } = found;
    return fill(element,
      h(`p.${kind}`, {}, h("strong", { text: `${mark} ${found.words}` }), h("span", { text: size })),
      ...found.layouts.map((one) => line(one.program === "names of their own" ? "names of their own" : `written by ${one.program}`, one.note)),
      found.unwanted > 0 && line(`${count(found.unwanted, "other file")} left out`, "by the patterns, or gain references, sums, images of squares"),
      sample && line(`${sample.columns} × ${sample.rows} px, ${count(sample.frames, "frame")}`, `group ${sample.group}`),
      sample && drawFacts(sample, element.querySelector("details")?.open ?? false),
      found.polled && line("no events come from its file system", "it is looked through again and again"),
      found.watched !== null && !isChange && h("p.warn", { text: "▲ It is watched already: these orders take the place of those." }),
      ...(sample?.disagreements ?? []).map((text) => h("p.warn", { text: `▲ ${text}` })),
      ...found.problems.map((text) => h("p.warn", { text: `▲ ${text}` })));
  }

  return {
    element, show,
    fail: (text) => fill(element, h("p.bad", { text: `✕ ${text}` })),
  };
}

/** What its last recording tells, each fact with its source. */
function drawFacts(sample, open) {
  const value = (one) => typeof one.value === "number" ? Number(one.value.toPrecision(6)) : typeof one.value === "boolean" ? (one.value ? "yes" : "no") : one.value.split("/").at(-1);
  return h("details", { open }, h("summary", { text: `${count(sample.facts.length, "fact")} known of ${brief(sample.name, 34)}`, title: sample.name }),
    h("table", {}, h("tbody", {}, ...sample.facts.map((one) => h("tr", {},
      h("th", { scope: "row", text: one.name.replaceAll("_", " ") }), h("td", {}, `${value(one)}`, one.unit && h("span.soft", { text: `\u202f${one.unit}` })), h("td.soft", { title: one.source, text: one.from }))))));
}

const line = (text, note) => h("p", {}, h("span", { text }), note && h("span.soft", { text: `; ${note}` }));
