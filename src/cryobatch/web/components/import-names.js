// A name pattern, tried on the folder's real names while it is written.

import { fill, h, setText } from "./dom.js";
import { whole } from "./format.js";
import { order } from "./rest.js";

const TYPED_MS = 250;
const COLOURS = 6;

/** Return the field of a pattern with the names below it; wanted() tells the folder. */
export function makeNames(frame, wanted) {
  let asked = 0;
  let timer = null;
  let valid = null;
  const input = h("input.pattern", { type: "text", spellcheck: "false", autocomplete: "off", placeholder: "{grid}_{square}_{number}", "aria-label": "Name pattern", oninput: later });
  const said = h("p", { role: "status", "aria-live": "polite" });
  const table = h("ul.names", { "aria-label": "Real names" });
  const help = h("p.soft", { text: "Parts: {group}, {grid}, {square}, {hole}, {number}, {tilt}, or any fact; * is anything; / goes to the folder above." });
  const element = h("div.names-part", {}, input, help, said, table);

  function later() {
    clearTimeout(timer);
    timer = setTimeout(tryNow, TYPED_MS);
  }

  async function tryNow() {
    const number = ++asked;
    const { folder, ...rest } = wanted();
    const pattern = input.value.trim();
    input.removeAttribute("aria-invalid");
    if (!folder || !pattern) {
      setText(said, "");
      return fill(table);
    }
    try {
      const found = await order("POST", "/watches/names", { folder, ...rest, pattern });
      if (number === asked) show(found);
    } catch (error) {
      if (number === asked) refuse(error.message);
    }
    return undefined;
  }

  function refuse(text) {
    input.setAttribute("aria-invalid", "true");
    said.className = "bad";
    setText(said, text);
  }

  function show({ problem, names, fitting, count: all }) {
    if (problem) return refuse(problem);
    valid = input.value.trim();
    const fits = fitting === all;
    said.className = !all ? "soft" : fits ? "good" : "warn";
    setText(said, !all ? "There are no names to try it on yet." : fits ? `● fits all ${whole(all)} names` : `▲ fits ${whole(fitting)} of ${whole(all)} names; the others keep their folder as group`);
    const parts = [...new Set(names.flatMap(({ pieces }) => pieces.map(([, part]) => part)).filter(Boolean))];
    fill(table, ...names.map(({ pieces, group }) => {
      const fit = pieces.some(([, part]) => part);
      const told = pieces.filter(([, part]) => part).map(([text, part]) => h(`span.tells-part.part-${parts.indexOf(part) % COLOURS}`, { text: `${part.replaceAll("_", " ")} ${text}` }));
      return h(fit ? "li" : "li.unfit", {},
        h("span.cut", {}, h("span", { "aria-hidden": "true", text: fit ? "● " : "○ " }), ...pieces.map(([text, part]) => part ? h(`mark.part-${parts.indexOf(part) % COLOURS}`, { title: part, text }) : h("span", { text }))),
        fit && h("span.tells", {}, ...told, group && h("span.soft", { text: `group ${group}` })));
    }));
    return undefined;
  }

  return {
    element,
    try: tryNow,
    pattern: () => input.value.trim() || null,
    /** The last pattern that means something, and is not just half written. */
    valid: () => input.value.trim() ? valid : null,
    set: (text) => { input.value = text ?? ""; valid = text; },
  };
}
