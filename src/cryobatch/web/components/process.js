// Process: choose scripts by category, see the order that follows, set parameters, queue.

import { calmly, fill, h, setText } from "./dom.js";
import { count, whole } from "./format.js";
import { ask, order } from "./rest.js";

/**
 * Show the panel in a side element.
 * @param {HTMLElement} side
 * @param {object} frame
 * @param {number[]} images ids
 * @param {string} root kind of the images: "movie" or "micrograph"
 * @param {object} [own] parameters that one image has of its own, by script: then they can be kept
 */
export async function showProcess(side, frame, images, root, own = null) {
  const all = await frame.attempt(ask("/scripts"));
  if (!all) return;
  side.hidden = false;
  side.dataset.shows = "process";
  const known = new Map(all.scripts.map((script) => [script.name, script]));
  const workflow = all.workflows[all.default_workflows[root]] ?? [];
  const rank = ({ name, category }) => 1000 * all.categories.indexOf(category) + (workflow.includes(name) ? workflow.indexOf(name) : 999);
  all.scripts.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  const wanted = new Set(workflow.filter((name) => known.has(name)));
  const typed = structuredClone(own ?? {});
  // What no script takes is neither sent again nor taken back unasked: the image's page tells of it.
  const takes = (script, name) => known.get(script)?.parameters[name] !== undefined;
  for (const [script, some] of Object.entries(typed)) for (const name of Object.keys(some)) if (!takes(script, name)) delete some[name];
  const choice = { top: images.length === 1, force: false, stale: false };

  const plan = h("ol.plan", { "aria-label": "Order" });
  const wrong = h("p.bad", { role: "alert", hidden: true });
  const parameters = h("div.parameters");
  const send = h("button.main", { onclick: submit });
  const keep = h("input", { type: "checkbox", checked: true });
  const radio = (name, value, text, title) => h("label", { title },
    h("input", { type: "radio", name, checked: choice[name] === value, onchange: () => { choice[name] = value; } }), h("span", { text }));
  const scripts = h("div.scripts", {}, ...all.categories.map((category) => drawCategory(category)));
  const stale = h("label", { title: "image by image, just the scripts whose results would be different now" },
    h("input", { type: "checkbox", onchange: (event) => { choice.stale = event.target.checked; scripts.hidden = plan.hidden = choice.stale; drawParameters(); planSoon(); } }),
    h("span", { text: "Just what is stale" }));
  fill(side,
    h("div.bar", {}, h("h2", { text: `Process ${count(images.length, "image")}` }), h("span.space"),
      h("button.quiet", { text: "×", "aria-label": "Close", onclick: () => { side.hidden = true; } })),
    h("div.choices", {}, stale), scripts, plan, wrong, parameters,
    h("fieldset.choices", {}, h("legend.soft", { text: "Where in the queue" }), radio("top", true, "on top", "before all that waits"), radio("top", false, "at the bottom", "after all that waits")),
    h("fieldset.choices", {}, h("legend.soft", { text: "What runs" }), radio("force", false, "only what is missing or stale", "results that are up to date stay"), radio("force", true, "everything again", "also what is up to date")),
    own && h("div.choices", {}, h("label", { title: "else they hold for this batch only, and its results are stale afterwards" }, keep, h("span", { text: "Keep these parameters for this image" }))),
    h("div.bar.send", {}, send));

  function drawCategory(category) {
    const some = all.scripts.filter((script) => script.category === category);
    return some.length > 0 && h("section", {}, h("h3.soft", { text: category }), ...some.map((script) => h("label", { title: script.help },
      h("input", { type: "checkbox", checked: wanted.has(script.name), onchange: (event) => { wanted[event.target.checked ? "add" : "delete"](script.name); drawParameters(); planSoon(); } }),
      h("span", { text: script.title }), h("code.soft", { text: script.name }))));
  }

  function drawParameters() {
    const shown = choice.stale ? [] : all.scripts.filter(({ name, parameters: some }) => wanted.has(name) && Object.keys(some).length);
    fill(parameters, ...shown.map((script) => h("details", { open: Boolean(typed[script.name]) },
      h("summary", { text: `${script.title}: parameters` }),
      h("div.fields", {}, ...Object.entries(script.parameters).map(([name, one]) => drawField(script.name, name, one))))));
  }

  function drawField(script, name, one) {
    const usual = all.given[script]?.[name] ?? one.default;
    const set = (value) => {
      typed[script] = { ...typed[script], [name]: value };
      if (value === undefined) delete typed[script][name];
    };
    const bounds = [one.low === null ? "" : `from ${one.low}`, one.high === null ? "" : `to ${one.high}`].filter(Boolean).join(" ");
    const now = typed[script]?.[name];
    const common = { "aria-label": `${script}.${name}` };
    const choices = one.kind === "bool" ? ["true", "false"] : one.choices;
    const field = choices.length
      ? h("select", { ...common, onchange: ({ target }) => set(target.value === "" ? undefined : one.kind === "bool" ? target.value === "true" : target.value) },
        h("option", { value: "", text: `${usual ?? "none"} (as set)` }), ...choices.map((value) => h("option", { value, text: value, selected: now !== undefined && String(now) === value })))
      : h("input", { ...common, type: one.kind === "float" || one.kind === "int" ? "number" : "text", step: one.kind === "int" ? "1" : "any",
        min: one.low === null ? null : String(one.low), max: one.high === null ? null : String(one.high), placeholder: usual === null || usual === "" ? "not set" : String(usual),
        value: now === undefined || now === null ? "" : String(now),
        oninput: ({ target }) => set(target.value === "" ? undefined : target.type === "number" ? Number(target.value) : target.value) });
    return h("label.field", {}, h("span", { text: name.replaceAll("_", " ") }), h("span.input", {}, field, h("span.unit.soft", { text: one.unit })),
      h("span.help.soft", { text: [one.help, bounds && `(${bounds}${one.unit ? ` ${one.unit}` : ""})`].filter(Boolean).join(" ") }));
  }

  async function showPlan() {
    wrong.hidden = true;
    setText(send, `Queue ${whole(images.length)} ${images.length === 1 ? "image" : "images"}`);
    send.disabled = !choice.stale && !wanted.size;
    if (choice.stale || !wanted.size) return fill(plan);
    try {
      const { order: names, added, left_out: out } = await order("POST", "/scripts/plan", { scripts: [...wanted], root });
      fill(plan, ...names.map((name) => h("li", {}, h("span", { text: known.get(name)?.title ?? name }), added.includes(name) && h("span.soft", { text: " comes along" }))),
        ...Object.entries(out).map(([name, why]) => h("li.out.soft", { text: `${name}: ${why}` })));
    } catch (error) {
      fill(plan);
      setText(wrong, error.message);
      wrong.hidden = false;
      send.disabled = true;
    }
  }
  const planSoon = calmly(showPlan, 100);

  async function submit() {
    const bad = side.querySelector("input:invalid");
    if (bad) return bad.reportValidity();
    send.disabled = true;
    const given = Object.fromEntries(Object.entries(typed).filter(([name, some]) => wanted.has(name) && Object.keys(some).length));
    const kept = own && keep.checked ? await frame.attempt(order("POST", "/images/parameters", { images, parameters: withTakenBack(given) })) : true;
    const done = kept && await frame.attempt(order("POST", "/queue", {
      images, top: choice.top, force: choice.force, stale: choice.stale,
      ...(choice.stale ? {} : { scripts: [...wanted], parameters: own && keep.checked ? {} : given }),
    }));
    send.disabled = false;
    if (!done) return undefined;
    // What waited already for the same goes to the top with the others.
    if (choice.top && done.duplicates.length) await frame.attempt(order("POST", "/queue/top", { ids: done.duplicates }));
    side.hidden = true;
    const refused = Object.entries(done.refused);
    const more = [done.duplicates.length && `${whole(done.duplicates.length)} waited already`, refused.length && `${whole(refused.length)} cannot: ${refused[0][1]}`].filter(Boolean);
    return frame.say([`${count(done.batches.length, "batch")} queued`, ...more].join("; "), { bad: refused.length > 0, action: { text: "See the queue", run: () => location.assign("/queue") } });
  }

  /** What an image had of its own and was emptied is taken back. */
  function withTakenBack(given) {
    const changed = structuredClone(given);
    for (const [script, some] of Object.entries(own)) {
      for (const name of Object.keys(some)) if (takes(script, name) && typed[script][name] === undefined) (changed[script] ??= {})[name] = null;
    }
    return changed;
  }

  drawParameters();
  await showPlan();
  side.querySelector("input")?.focus();
}
