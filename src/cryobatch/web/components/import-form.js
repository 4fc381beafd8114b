// The orders for a folder: typed, checked by the server while they are typed, and given.

import { fill, h, setText } from "./dom.js";
import { makeFolderAnswer } from "./import-look.js";
import { makeNames } from "./import-names.js";
import { ask, order } from "./rest.js";

const TYPED_MS = 350;
const USUAL = ["pixel_size", "voltage", "cs", "dose_per_frame", "gain", "amplitude_contrast", "gain_rotation", "gain_flip", "defects"];
const TAKES = { link: ["link", "they stay where they are"], copy: ["copy", "each copy is compared with its source"], move: ["move", "each source is deleted when its copy is verified"] };
const PLACES = { bottom: ["at the bottom", "in the order of recording"], top: ["on top", "the newest first"], first_now: ["first script at once", "the first scripts on top of the queue, the rest at its end"] };
const EMPTY = { folder: "", include: [], ignore: [], pattern: null, facts: {}, take: "link", rate_mb_s: null, submit: true, workflow: null, scripts: null, parameters: {}, place: "bottom", patience_s: 30, active: true };

/**
 * Show the form in a side element.
 * @param {HTMLElement} side
 * @param {object} frame
 * @param {object|null} before orders of a folder that is watched; null for a new one
 * @param {() => void} done is called when the orders were given
 */
export async function showForm(side, frame, before, done) {
  const scripts = await frame.attempt(ask("/scripts"));
  if (!scripts) return;
  const orders = structuredClone(before ?? EMPTY);
  const typed = new Map();
  let asked = 0;
  let timer = null;
  side.hidden = false;
  side.dataset.shows = "orders";

  const close = () => { clearTimeout(timer); side.hidden = true; };
  const later = () => { clearTimeout(timer); timer = setTimeout(look, TYPED_MS); };
  const folders = h("datalist", { id: "folders" });
  const folder = h("input.path", { type: "text", value: orders.folder, list: "folders", spellcheck: "false", autocomplete: "off", readOnly: before !== null, placeholder: "/data/session/EPU", "aria-label": "Folder", oninput: later });
  const answer = makeFolderAnswer();
  const names = makeNames(frame, wanted);
  const facts = h("div.fields");
  const wrong = h("p.bad", { role: "alert", hidden: true });
  const send = h("button.main", { type: "submit", text: before ? "Give these orders" : "Watch this folder" });
  const list = (name, hint) => h("input", { type: "text", value: orders[name].join(", "), placeholder: hint, spellcheck: "false", oninput: (event) => { orders[name] = event.target.value.split(",").map((one) => one.trim()).filter(Boolean); later(); names.try(); } });
  const rate = h("input", { type: "number", min: "0.1", step: "any", value: orders.rate_mb_s ?? "", placeholder: "as fast as may be", oninput: (event) => { orders.rate_mb_s = event.target.value ? Number(event.target.value) : null; } });
  const rateField = field("no faster than", rate, "MB/s");
  const place = radios("place", PLACES, () => {});
  const showParts = () => { rateField.hidden = orders.take === "link"; place.hidden = !orders.submit; };

  fill(side, h("form.orders-form", { onsubmit: (event) => { event.preventDefault(); submit(); }, novalidate: true },
    h("div.bar", {}, h("h2", { text: before ? "Change the orders" : "Watch a folder" }), h("span.space"), h("button.quiet", { type: "button", text: "×", "aria-label": "Close", onclick: close })),
    h("label.stacked", {}, h("span", { text: "Folder, with all below it" }), folder), folders, answer.element,
    h("fieldset", {}, h("legend", { text: "What is done" }), field("scripts", chooseWork()), place),
    h("fieldset", {}, h("legend", { text: "How they come into the project" }), radios("take", TAKES, showParts), rateField),
    h("fieldset", {}, h("legend", { text: "Facts" }), facts),
    h("fieldset", {}, h("legend", { text: "Which files" }),
      field("only", list("include", "all recordings"), "", "*_fractions.tiff, …"), field("without", list("ignore", "nothing"), "", "files or folders: GridSquare_7, old/*")),
    h("fieldset", {}, h("legend", { text: "Facts from names" }), names.element),
    h("details", {}, h("summary", { text: "Patience" }), field("unchanged for", h("input", { type: "number", min: "2", max: "86400", value: String(orders.patience_s), oninput: (event) => { orders.patience_s = Number(event.target.value) || 30; } }), "s", "for files whose bytes cannot prove that they are complete")),
    wrong, h("div.bar.send", {}, send)));

  function chooseWork() {
    const own = orders.scripts && h("option", { value: "as before", text: orders.scripts.join(", ") });
    const options = [own, h("option", { value: "", text: "the project's workflow" }), ...Object.keys(scripts.workflows).map((name) => h("option", { value: `w ${name}`, text: `workflow ${name}` })), h("option", { value: "nothing", text: "nothing: only import" })];
    const select = h("select", { onchange: ({ target: { value } }) => {
      orders.submit = value !== "nothing";
      orders.workflow = value.startsWith("w ") ? value.slice(2) : null;
      orders.scripts = value === "as before" ? before.scripts : null;
      showParts();
      look();
    } }, ...options.filter(Boolean));
    select.value = !orders.submit ? "nothing" : orders.scripts ? "as before" : orders.workflow ? `w ${orders.workflow}` : "";
    return select;
  }

  function radios(name, choices, changed) {
    return h("div.choices", { role: "radiogroup", "aria-label": name }, ...Object.entries(choices).map(([value, [text, title]]) => h("label", { title },
      h("input", { type: "radio", name, checked: orders[name] === value, onchange: () => { orders[name] = value; changed(); } }), h("span", { text }))));
  }

  /** One field a fact: those that are missing or given first, the other usual ones folded away. */
  function drawFacts(sample) {
    const known = new Map((sample?.facts ?? []).map((one) => [one.name, one]));
    const missing = new Map((sample?.missing ?? []).map((one) => [one.name, one]));
    const wanted_ = [...new Set([...missing.keys(), ...Object.keys(orders.facts), ...USUAL])];
    const shown = facts.contains(document.activeElement) ? document.activeElement.name : null;
    const line = (name) => {
      if (!typed.has(name)) typed.set(name, h("input", { type: "text", name, spellcheck: "false", value: orders.facts[name] ?? "", oninput: (event) => { setFact(name, event.target.value); later(); } }));
      const input = typed.get(name);
      const own = known.get(name);
      const isOwn = own && !own.source.startsWith("option ");
      input.placeholder = isOwn ? String(own.value).split("/").at(-1) : missing.has(name) ? "needed" : "unknown";
      const note = missing.has(name) ? h("span.help.warn", { text: `▲ needed by the scripts: ${missing.get(name).help}` }) : isOwn ? h("span.help.soft", { text: `from ${own.from}` }) : "";
      return h("label.field", {}, h("span", { text: name.replaceAll("_", " ") }), h("span.input", {}, input, h("span.unit.soft", { text: own?.unit ?? missing.get(name)?.unit ?? "" })), note);
    };
    const first = wanted_.filter((name) => missing.has(name) || name in orders.facts);
    const rest = wanted_.filter((name) => !first.includes(name));
    const open = facts.querySelector("details")?.open ?? false;
    fill(facts, ...first.map(line), h("details", { open }, h("summary", { text: first.length ? "Other facts" : sample ? "Nothing is missing; give other values" : "Give values that hold whatever the files say" }), ...rest.map(line)));
    if (shown) typed.get(shown)?.focus();
  }

  function setFact(name, value) {
    if (value.trim() === "") delete orders.facts[name];
    else orders.facts[name] = value.trim();
  }

  function wanted() {
    return { folder: folder.value.trim(), include: orders.include, ignore: orders.ignore };
  }

  /** Ask what the folder would bring; an answer that is overtaken is left aside. */
  async function look() {
    const number = ++asked;
    if (!folder.value.trim()) return answer.show(null);
    try {
      const found = await order("POST", "/watches/look", { ...orders, pattern: names.valid(), folder: folder.value.trim() });
      if (number !== asked || side.hidden) return undefined;
      answer.show(found, before !== null);
      fill(folders, ...found.completions.map((one) => h("option", { value: one })));
      drawFacts(found.sample);
      names.try();
    } catch (error) {
      if (number === asked) answer.fail(error.message);
    }
    return undefined;
  }

  async function submit() {
    wrong.hidden = true;
    send.disabled = true;
    try {
      const { folder: path } = await order("POST", "/watches", { ...orders, folder: folder.value.trim(), pattern: names.pattern() });
      close();
      frame.say(before ? `${path} has new orders` : `${path} is watched`);
      done();
    } catch (error) {
      setText(wrong, error.message);
      wrong.hidden = false;
    }
    send.disabled = false;
  }

  names.set(orders.pattern);
  showParts();
  drawFacts(null);
  side.onkeydown = (event) => { if (event.key === "Escape") close(); };
  (before ? send : folder).focus({ preventScroll: true });
  await look();
}

function field(title, input, unit = "", help = "") {
  return h("label.field", {}, h("span", { text: title }), h("span.input", {}, input, h("span.unit.soft", { text: unit })), help && h("span.help.soft", { text: help }));
}
