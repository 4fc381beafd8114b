// Settings: what holds, who says so, what a change would do; kept together, or not at all.

import { calmly, fill, h, setText } from "./dom.js";
import { count } from "./format.js";
import { ask, order } from "./rest.js";
import { makeField, readable, text } from "./settings-fields.js";
import { drawWorkflows, editWorkflow } from "./settings-workflows.js";

const PREVIEW_MS = 400;
const GRADING = "calculate_statistics";
const USUAL_FACTS = ["pixel_size", "voltage", "cs", "amplitude_contrast", "dose_per_frame", "pre_exposure", "gain", "defects"];

export async function start(main, frame) {
  main.classList.add("settings-page");
  let [settings, { problems }] = await Promise.all([ask("/settings"), ask("/scripts")]);
  let fields = [];
  const edits = makeEdits(() => { showBar(); previewSoon(); });
  const contents = h("nav.contents", { "aria-label": "Parts" });
  const parts = h("div.parts");
  const side = h("aside.side.panel", { hidden: true, "aria-label": "Workflow" });
  const bar = makeBar();
  main.append(h("div.with-contents", {}, contents, parts, side), bar.element);

  function draw() {
    fields = [];
    const field = (entry) => {
      fields.push(makeField(entry, edits));
      return fields.at(-1).element;
    };
    const table = (...names) => settings.settings.filter((one) => names.includes(one.path[0])).map(field);
    const facts = settings.facts.filter((one) => USUAL_FACTS.includes(one.name) || one.value !== null);
    const grading = settings.scripts.find((one) => one.name === GRADING);
    const others = settings.scripts.filter((one) => one.name !== GRADING && one.parameters.length);
    const all = [
      problems.length > 0 && part("problems", "Problems", "Wrong in scripts, and in files that give them parameters: correct it in the file that is named.", h("ul.notices", {}, ...problems.map((text) => h("li", {}, h("span.warn", { "aria-hidden": "true", text: "▲" }), h("span", { text }))))),
      part("project", "Project", "", ...table("project"), drawFacts({ folder: settings.project.folder, "settings file": settings.file, database: settings.project.database, id: settings.project.id, made: settings.project.created_at })),
      part("workflows", "Workflows", "Named sets of scripts. Their order follows from what they need of each other.", h("div.workflows")),
      part("facts", "Acquisition", "Facts for all recordings, whatever their files say.", ...facts.map(field)),
      grading && part("quality", "Quality flags", "An image beyond one of these limits is flagged; a person's flag goes before.", ...grading.parameters.map(field)),
      part("parameters", "Parameters", "What scripts work with, where no group, image or batch says otherwise.", ...others.map((script) => drawScript(script, field))),
      part("processors", "Processors", "", ...table("processors", "queue", "history")),
      part("disk", "Disk and copies", "", ...table("disk", "copy", "import")),
      part("site", "Site", siteText(settings.site), drawSite(settings.site)),
    ].filter(Boolean);
    fill(parts, ...all);
    fill(contents, ...all.map((one) => h("a", { href: `#${one.id}`, text: one.querySelector("h2").textContent })));
    redrawWorkflows();
  }

  const redrawWorkflows = () => fill(parts.querySelector(".workflows"), ...drawWorkflows(settings, edits, (one) => editWorkflow(side, one, settings, edits, redrawWorkflows)));

  function makeBar() {
    const number = h("strong");
    const effects = h("ul.effects", { "aria-live": "polite" });
    const save = h("button.main", { text: "Save", title: "write project.toml (s)", onclick: () => keep(settings.version) });
    const discard = h("button", { text: "Discard", onclick: () => { edits.clear(); draw(); } });
    const element = h("div.save-bar.panel.changes", { hidden: true, role: "region", "aria-label": "Changes" }, h("div.bar", {}, number, h("span.space"), discard, save), effects);
    return { element, number, effects, save };
  }

  function showBar() {
    const changed = edits.all();
    bar.element.hidden = !changed.length;
    setText(bar.number, `${count(changed.length, "change")} not kept yet`);
  }

  async function preview() {
    const changed = edits.all();
    if (!changed.length) return;
    if (main.querySelector("input:invalid")) return tell(["✕ A value is outside of its bounds."], true);
    try {
      const { effects } = await order("POST", "/settings/preview", { changes: toChanges(changed) });
      tell(effects, false);
    } catch (error) {
      tell([`✕ ${error.message}`], true);
    }
  }
  const previewSoon = calmly(preview, PREVIEW_MS);

  function tell(texts, bad) {
    fill(bar.effects, ...texts.map((one) => h(bad ? "li.bad" : "li", { text: one })));
    bar.save.disabled = bad;
  }

  async function keep(version) {
    const bad = main.querySelector("input:invalid");
    if (bad) return bad.reportValidity();
    const changes = toChanges(edits.all());
    const before = changes.map(({ path }) => ({ path, value: ownValue(settings, path) }));
    parts.inert = true;  // what would be typed meanwhile would be lost
    try {
      await order("PUT", "/settings", { version, changes });
      await reload(() => edits.clear());
    } catch (error) {
      if (error.status === 409) return showConflict(await ask("/settings"));
      return tell([`✕ ${error.message}`], true);
    } finally {
      parts.inert = false;
    }
    return frame.say(`${count(changes.length, "setting")} kept`, { action: { text: "Undo", run: () => undo(before) } });
  }

  async function undo(changes) {
    if (await frame.attempt(order("PUT", "/settings", { version: settings.version, changes }))) {
      await reload();
      frame.say("As it was before");
    }
  }

  function showConflict(now) {
    const mine = edits.all();
    const theirs = mine.filter(([path]) => text(ownValue(now, path) ?? "–") !== text(ownValue(settings, path) ?? "–"));
    const lines = theirs.map(([path, value]) => h("li", { text: `${path.join(".")}: ${text(ownValue(now, path) ?? "not set")} in the file, ${text(value ?? "not set")} here` }));
    fill(bar.effects, h("li.warn", { text: "▲ Somebody else has changed project.toml meanwhile." }), ...lines,
      h("li.bar", {}, h("button", { text: "Take over theirs", onclick: () => { for (const [path] of theirs) edits.set(path, undefined); settings = now; draw(); showBar(); } }),
        h("button", { text: "Keep mine", onclick: () => { settings = now; draw(); keep(now.version); } })));
    bar.save.disabled = true;
  }

  async function reload(before = () => {}) {
    [settings, { problems }] = await Promise.all([ask("/settings"), ask("/scripts")]);
    before();
    draw();
    showBar();
  }

  // What is typed stays; the file's version is looked at when it is kept.
  frame.on(["settings"], () => edits.all().length || frame.attempt(reload()), 1500);
  if (frame.mayChange) {
    frame.key("s", "keep the changes", () => edits.all().length && keep(settings.version));
    addEventListener("beforeunload", (event) => { if (edits.all().length) event.preventDefault(); });
  }
  draw();
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

/** What is typed and not kept yet, by path. */
function makeEdits(changed) {
  const held = new Map();
  return {
    get: (path) => held.get(path.join("\u0000")),
    set(path, value) {
      const key = path.join("\u0000");
      if (value === undefined) held.delete(key);
      else held.set(key, value);
      changed();
    },
    clear() {
      held.clear();
      changed();
    },
    all: () => [...held].map(([key, value]) => [key.split("\u0000"), value]),
  };
}

const toChanges = (changed) => changed.map(([path, value]) => ({ path, value }));

/** What the project itself says about a setting, null for nothing. */
function ownValue(settings, path) {
  const [table, name] = path;
  if (table === "workflows") return settings.workflows.find((one) => one.name === name && one.own)?.scripts ?? null;
  if (table === "default_workflows") return settings.default_workflows[name];
  const all = [...settings.settings, ...settings.facts, ...settings.scripts.flatMap((script) => script.parameters)];
  const entry = all.find((one) => one.path.join() === path.join());
  return entry?.source === "project" ? entry.value : null;
}

const part = (id, title, said, ...children) => h("section.panel.part", { id, "aria-label": title }, h("h2", { text: title }), said && h("p.soft", { text: said }), ...children);

function drawScript(script, field) {
  const own = script.parameters.filter((one) => one.source !== "default").length;
  return h("details.script", { open: own > 0 }, h("summary", {}, h("strong", { text: script.title }), h("code.soft", { text: script.name }), own > 0 && h("span.source.project", { text: `${own} set` })),
    h("p.soft", { text: script.help }), ...script.parameters.map(field));
}

const drawFacts = (facts) => h("dl.facts", {}, ...Object.entries(facts).filter(([, value]) => value !== null && value !== "").flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })]));

const siteText = (site) => (site.there ? `For all projects of this machine, in ${site.file}. Only read here.` : `There are no settings for all projects of this machine: ${site.file} would hold them.`);

function drawSite(site) {
  const flat = (thing, before = "") => Object.entries(thing ?? {}).flatMap(([name, value]) => {
    const path = before ? `${before} · ${readable(name)}` : readable(name);
    if (value === null || value === "" || (Array.isArray(value) && !value.length)) return [];
    return typeof value === "object" && !Array.isArray(value) ? flat(value, path) : [[path, text(value)]];
  });
  const { file, there, ...said } = site;
  return there && drawFacts(Object.fromEntries(flat(said)));
}
