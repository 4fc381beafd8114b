// Image: micrograph, spectrum, drift, and all values with where they come from.

import { drawCurve, drawTrack } from "./curves.js";
import { calmly, fill, h } from "./dom.js";
import { measure } from "./format.js";
import { drawFacts, drawRun } from "./image-runs.js";
import { FLAGS, askComment, setFlag, setTrashed } from "./library-actions.js";
import { findNeighbours } from "./library-rows.js";
import { whenReleased } from "./press.js";
import { showProcess } from "./process.js";
import { ask, order } from "./rest.js";
import { makeViewer } from "./viewer.js";

const LIVE_MS = 400;

export async function start(main, frame) {
  let id = Number(new URLSearchParams(location.search).get("id")) || (await ask("/library", { limit: 1, sort: "id", descending: true })).columns.id[0];
  if (!id) {
    main.append(h("div.empty", {}, h("span", { text: "No images yet." }), h("a", { href: "/library", text: "See the library" })));
    return;
  }
  let view = null;
  let steps = {};
  const ready = new Map();

  const head = h("div.image-head");
  const viewerPlace = h("div.viewer", { tabindex: "0", "aria-label": "Micrograph: drag to move, wheel to zoom" });
  const measured = h("section.panel.measured", { "aria-label": "Spectrum and drift" });
  const curve = h("section.panel.curve", { "aria-label": "CTF" });
  const problems = h("ul.notices");
  const runs = h("div.runs");
  const side = h("aside.panel.side.image-side", { hidden: true });
  const area = h("div.image-view", {}, viewerPlace, h("div.image-rows", {}, measured, curve));
  main.append(head, problems, area, runs, side);
  const plot = h("div.plot");
  const about = h("figcaption");
  curve.append(plot, about);
  new ResizeObserver(calmly(() => drawCurveInto(), 100)).observe(plot);
  const viewer = makeViewer(viewerPlace, { frame });

  const fetchView = (one) => ready.get(one) ?? ask(`/images/${one}/view`);

  async function show(one, { push = false } = {}) {
    id = one;
    const asked = fetchView(one);
    ready.clear();
    const found = await frame.attempt(asked);
    if (!found || id !== one) return;
    if (push) history.pushState(null, "", `/image?id=${one}`);
    if (view && view.image.id !== one) side.hidden = true; // it is for the image before
    view = found;
    steps = findNeighbours(one) ?? { previous: found.previous, next: found.next };
    document.title = `${found.image.name} · ${document.title.split(" · ").at(-1)}`;
    draw();
    ahead(steps.next);
  }

  /** What the next key will show is fetched while a person looks. */
  function ahead(next) {
    if (!next || document.hidden) return;
    const asked = ask(`/images/${next}/view`);
    ready.set(next, asked);
    asked.then(({ micrograph, spectrum }) => {
      if (micrograph) new Image().src = `/api/v1/images/${next}/pictures/micrograph?size=1024&version=${micrograph.version}`;
      if (spectrum) new Image().src = `/api/v1/images/${next}/pictures/spectrum?size=1024&version=${spectrum.version}`;
    }).catch(() => ready.delete(next));
  }

  function draw() {
    drawHead();
    const { micrograph } = view;
    if (micrograph) area.style.setProperty("--aspect", String(micrograph.columns / micrograph.rows));
    viewer.show(micrograph && { ...micrograph, id, picks: view.picks, motion: view.motion?.local });
    drawMeasured();
    const { failure } = view;
    const told = failure ? [`The last batch failed${failure.script ? ` in ${failure.script}` : ""}: ${failure.text}`, ...view.problems] : view.problems;
    const faults = view.parameter_faults.map((fault) => h("li.error", {}, h("span.bad", { "aria-hidden": "true", text: "✕" }), h("span", { text: fault.text }), h("button.more.changes", { text: "Take back", title: `take ${fault.names.map((name) => `${fault.script}.${name}`).join(", ")} out of this image's file`, onclick: () => takeBack(fault) })));
    fill(problems, ...told.map((text, one) => h("li.error", {}, h("span.bad", { "aria-hidden": "true", text: "✕" }), h("span", { text }), failure && one === 0 && h("a.more", { href: `/log?image_id=${id}`, text: "See its log" }))), ...faults);
    problems.hidden = !problems.childElementCount;
    const open = new Set([...runs.querySelectorAll("details[open]")].map((one) => one.dataset.name));
    fill(runs, ...view.runs.map((run) => drawRun(run, view, id, frame)), drawFacts(view));
    for (const one of runs.querySelectorAll("details")) if (open.has(one.dataset.name)) one.open = true;
    main.dataset.shows = String(id);
  }

  function drawHead() {
    const { image, person, flag } = view;
    const step = (name, to, mark, key) => h("button", { text: mark, title: `${name} image (${key})`, "aria-label": `${name} image`, disabled: !to, onclick: () => go(to) });
    const stale = view.runs.filter((run) => run.stale).map((run) => run.script);
    fill(head,
      h("span.group", {}, step("previous", steps.previous, "◀", "k"), step("next", steps.next, "▶", "j")),
      h("h1", { text: image.name, title: image.name }),
      h("span.where", { text: [image.group, steps.place && `${steps.place} of ${steps.number}`].filter(Boolean).join(" · ") }),
      flag && h(`span.flag.${flag}`, { text: `${FLAGS.find((one) => one.flag === flag)?.mark.slice(0, 1)} ${flag}`, title: person.flag ? "flagged by a person" : "by its quality" }),
      person.trashed && h("span.warn", { text: "■ in the trash" }),
      ["running", "waiting", "failed"].includes(view.state) && h(`span.state.${view.state}`, { text: view.state }),
      stale.length > 0 && h("span.warn", { text: `↻ stale: ${stale.length > 2 ? `${stale.length} scripts` : stale.join(", ")}`, title: `would be different now: ${stale.join(", ")}` }),
      person.comment && h("em", { text: `“${person.comment}”` }),
      h("span.space"),
      h("span.group.changes", { role: "group", "aria-label": "Flag" }, ...FLAGS.map((one) => h("button", { text: one.mark.replace(/ .*|None/, "") || "○", title: `flag ${one.flag ?? "none"} (${one.key})`, "aria-label": `flag ${one.flag ?? "none"}`, "aria-pressed": String(person.flag === one.flag), onclick: () => setTo(one.flag) }))),
      h("button.changes", { text: "Comment", title: "comment (c)", onclick: comment }),
      h("button.changes", { text: person.trashed ? "Take back" : "Trash", title: "put aside, or take back (x)", onclick: () => setTrashed(frame, [id], !person.trashed) }),
      h("a", { href: `/log?image_id=${id}`, text: "Log" }),
      h("button.main.changes", { text: "Process…", title: "parameters, and process again (p)", onclick: process }));
  }

  function drawMeasured() {
    const values = Object.fromEntries(view.runs.flatMap((run) => run.values.map((one) => [one.name, one])));
    const number = (name, scale = 1) => typeof values[name]?.value === "number" ? values[name].value * scale : null;
    const { spectrum, motion } = view;
    const fitted = number("defocus_u") !== null;
    const error = motion?.uncertainty_angstrom;
    fill(measured,
      h("figure", {}, h("div.square", {}, spectrum
        ? h("img", { src: `/api/v1/images/${id}/pictures/spectrum?size=1024&version=${spectrum.version}`, alt: fitted ? "Spectrum: left measured, right fitted" : "Spectrum" })
        : h("span", { text: "no spectrum yet" })),
      h("figcaption", { text: !spectrum ? "" : fitted ? `left measured, right fitted; to ${measure(number("ctf_resolution"), "Å")}` : values.defocus_u?.absent ?? "measured" })),
      h("figure", {}, h("div.square.track", {}, motion?.x_angstrom.length ? drawTrack(motion) : h("span.soft", { text: "no drift track" })),
        h("figcaption", { text: motion ? `${motion.x_angstrom.length} frames, ○ first; path ${measure(number("drift_path"), "Å")}${error ? `, each ± ${measure(Number(error.toPrecision(2)), "Å")}` : ""}` : "", title: motion?.local ? "faint: the motion of 25 places" : null })));
    curve.hidden = !view.curve?.average?.length;
    fill(about, h("span", { style: { color: "var(--accent)" }, text: "━ measured  " }),
      fitted && h("span", { style: { color: "var(--warn)" }, text: "━ fit  " }), fitted && h("span", { style: { color: "var(--good)" }, text: "┄ correlation  " }),
      fitted && `defocus ${["defocus_u", "defocus_v"].map((name) => number(name, 1e-4)?.toFixed(2) ?? "–").join(" / ")}\u202fµm`);
    drawCurveInto();
  }

  function drawCurveInto() {
    if (!view || curve.hidden || !plot.clientWidth) return;
    const resolution = view.runs.flatMap((run) => run.values).find((one) => one.name === "ctf_resolution")?.value;
    fill(plot, drawCurve(view.curve, resolution, plot.clientWidth, plot.clientHeight));
  }

  const go = (to) => { if (to) show(to, { push: true }); };
  const flagged = () => ({ id, flag: view.flag, quality: view.person.flag ? undefined : view.flag });
  const setTo = (flag) => setFlag(frame, [flagged()], flag);
  async function comment() {
    const text = await askComment(view.person.comment, "Comment");
    if (text !== null) await frame.attempt(order("POST", "/images/comment", { images: [id], comment: text }));
  }
  async function takeBack({ script, names }) {
    const body = { images: [id], parameters: { [script]: Object.fromEntries(names.map((name) => [name, null])) } };
    if (await frame.attempt(order("POST", "/images/parameters", body))) {
      frame.say(`${names.map((name) => `${script}.${name}`).join(", ")} taken back`);
      renew();
    }
  }
  const process = () => showProcess(side, frame, [id], view.image.root_product, view.parameters);

  frame.key("j", "next image", () => go(steps.next));
  frame.key("k", "image before", () => go(steps.previous));
  frame.key("ArrowRight", "next image", () => go(steps.next));
  frame.key("ArrowLeft", "image before", () => go(steps.previous));
  frame.key("o", "show or hide the picks", () => viewer.toggle("picks"));
  frame.key("m", "show or hide the local motion", () => viewer.toggle("motion"));
  frame.key("s", "smooth, or every pixel", () => viewer.toggle("smooth"));
  frame.key("+", "nearer", () => viewer.zoom(1.4));
  frame.key("-", "farther", () => viewer.zoom(1 / 1.4));
  frame.key("f", "the whole micrograph", viewer.fit);
  frame.key("Escape", "close the panel", () => { side.hidden = true; });
  if (frame.mayChange) {
    for (const { flag, key } of FLAGS) frame.key(key, `flag ${flag ?? "none"}`, () => setTo(flag));
    frame.key("p", "process this image", process);
    frame.key("c", "comment", comment);
    frame.key("x", "put aside, or take back", () => setTrashed(frame, [id], !view.person.trashed));
  }
  addEventListener("popstate", () => show(Number(new URLSearchParams(location.search).get("id"))));

  function renew() {
    ready.delete(id);
    show(id);
  }
  let timer = null;
  frame.onChange((change) => {
    const ours = change === null || (change.topics.includes("images") && (change.images === null || change.images.includes(id)));
    if (ours && timer === null) timer = setTimeout(() => { timer = null; whenReleased(renew); }, LIVE_MS);
  });
  await show(id);
}

