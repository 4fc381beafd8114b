// Fields of the settings: what can be set, in which unit, between which bounds, and who says so.

import { h, setText } from "./dom.js";

const SOURCES = { default: "default", site: "site", project: "project" };

/**
 * Return a field for a setting.
 * @param {object} entry as the server describes it
 * @param {object} edits tells and takes what is typed: get(path), set(path, value), back(path)
 */
export function makeField(entry, edits) {
  const id = `setting-${entry.path.join("-").replace(/[^\w-]/g, "_")}`;
  const source = h("span.source");
  const back = h("button.quiet", { type: "button", text: "↺", "aria-label": `Take back ${entry.path.join(".")}`, onclick: () => { edits.set(entry.path, null); show(); } });
  const input = makeInput(entry, id, (value) => { edits.set(entry.path, value); showSource(); });
  const element = h("div.setting", {},
    h("label", { for: id, title: entry.path.join("."), text: nameOf(entry) }),
    h("span.entry", {}, input.element, h("span.unit.soft", { text: entry.unit })),
    h("span.said-by", {}, source, back),
    h("span.help.soft", { text: [entry.help, bounds(entry)].filter(Boolean).join(" ") }));

  function showSource() {
    const edit = edits.get(entry.path);
    const taken = edit === null;
    const from = edit === undefined ? entry.source : taken ? entry.usual_source : "project";
    element.classList.toggle("edited", edit !== undefined);
    source.className = `source ${from}`;
    setText(source, edit === undefined ? SOURCES[from] : taken ? `${SOURCES[from]} again` : "changed");
    source.hidden = edit === undefined && entry.value === null;
    back.hidden = entry.read_only || from !== "project" || entry.path[0] === "project";
    back.title = entry.usual === null || entry.usual === "" ? "take the project's own word back" : `take it back: ${text(entry.usual)} holds`;
  }

  /** Show what holds, with what is typed and not kept yet. */
  function show() {
    const edit = edits.get(entry.path);
    input.show(edit === undefined ? (entry.source === "project" ? entry.value : undefined) : edit ?? undefined);
    showSource();
  }
  show();
  return { element, show, entry };
}

function makeInput(entry, id, tell) {
  const usual = entry.usual === null || entry.usual === "" ? "not set" : text(entry.usual);
  const common = { id, disabled: entry.read_only || !edits_allowed(), title: entry.read_only ? "names a place on the disk: change it in project.toml, or by 'cryobatch settings set'" : null };
  const choices = entry.kind === "bool" ? ["true", "false"] : entry.choices;
  if (choices.length) {
    const typed = (value) => (value === "" ? null : entry.kind === "bool" ? value === "true" : value);
    const more = entry.optional ? [h("option", { value: "none", text: "none" })] : [];
    const element = h("select", { ...common, onchange: ({ target }) => tell(typed(target.value)) },
      h("option", { value: "", text: `${usual} (as usual)` }), ...choices.map((value) => h("option", { value, text: value })), ...more);
    return { element, show: (value) => { element.value = value === undefined ? "" : String(value); } };
  }
  const numeric = entry.kind === "int" || entry.kind === "float";
  const element = h("input", { ...common, type: numeric ? "number" : "text", step: entry.kind === "int" ? "1" : "any", placeholder: usual, spellcheck: "false",
    min: entry.low === null ? null : String(entry.low), max: entry.high === null ? null : String(entry.high),
    oninput: ({ target }) => tell(target.value === "" ? null : numeric ? Number(target.value) : entry.kind === "list" ? target.value.split(",").map((part) => part.trim()).filter(Boolean) : target.value) });
  return { element, show: (value) => { element.value = value === undefined ? "" : text(value); } };
}

const edits_allowed = () => !document.body.classList.contains("guest");

/** The name without the unit, which stands behind the field. */
function nameOf({ name, unit }) {
  const ending = `_${unit.toLowerCase().replace("/", "_")}`;
  return readable(unit && name.endsWith(ending) ? name.slice(0, -ending.length) : name);
}

export const readable = (name) => name.replaceAll("_", " ");

export const text = (value) => (Array.isArray(value) ? value.join(", ") : String(value));

function bounds({ low, high, unit }) {
  const parts = [low === null ? "" : `from ${low}`, high === null ? "" : `to ${high}`].filter(Boolean);
  return parts.length ? `(${parts.join(" ")}${unit ? ` ${unit}` : ""})` : "";
}
