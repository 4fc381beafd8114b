// Processors: a card each; more or fewer of them, and the end of one.

import { fill, h, imageHref, setText } from "./dom.js";
import { brief, bytes, count, duration } from "./format.js";
import { makeStrip, showLegend } from "./processors-strip.js";
import { sureButton } from "./queue.js";
import { ask, order } from "./rest.js";

const TICK_MS = 1000;
const HOUR_MS = 10_000;

export async function start(main, frame) {
  const said = h("strong");
  const number = h("input", { type: "number", min: "1", max: "1000", "aria-label": "How many processors", style: { width: "76px" } });
  const cards = h("section.cards", { "aria-label": "Processors" });
  const legend = h("ul.legend", { hidden: true, "aria-label": "Colours of the scripts" });
  const known = new Map();
  let ahead_s = 0;
  let hour = null;

  const want = (wanted) => {
    number.value = wanted; // a second click counts from here
    return act(order("PUT", "/processors/number", { number: wanted }));
  };
  const form = h("form.bar.changes", { onsubmit: (event) => { event.preventDefault(); want(Number(number.value)); } },
    h("button", { type: "button", text: "−", "aria-label": "One fewer", onclick: () => want(Math.max(1, Number(number.value) - 1)) }),
    number,
    h("button", { type: "button", text: "+", "aria-label": "One more", onclick: () => want(Number(number.value) + 1) }),
    h("button", { text: "Set" }));
  const stopAll = sureButton("Stop all", () => "End all with what they do?", () => known.size, () => kill([...known.keys()]));
  main.append(h("div.bar", {}, said, h("span.space"), form, stopAll), legend, cards);

  async function act(promise) {
    if (await frame.attempt(promise)) await show();
  }

  const kill = (ids) => act(order("POST", "/processors/kill", { ids }));

  async function show() {
    const { rows, wanted, now, ...made } = await ask("/processors");
    ahead_s = now - Date.now() / 1000;
    const busy = rows.filter((row) => row.state === "busy").length;
    setText(said, rows.length ? `${count(rows.length, "processor")}, ${busy} busy` : "No processors");
    if (document.activeElement !== number) number.value = wanted || 1;
    stopAll.hidden = !rows.length;
    for (const id of [...known.keys()].filter((one) => !rows.some((row) => row.id === one))) {
      known.get(id).element.remove();
      known.delete(id);
    }
    for (const row of rows) {
      if (!known.has(row.id)) {
        known.set(row.id, makeCard(row.id, kill));
        cards.append(known.get(row.id).element);
      }
      known.get(row.id).show(row, made);
      if (hour) known.get(row.id).strip.show(hour);
    }
    if (!rows.length) fill(cards, h("div.empty", {}, h("span", { text: "No daemon works here. Start one:" }), h("code", { text: "cryobatch serve" })));
    else cards.querySelector(".empty")?.remove();
    tick();
  }

  // Between two changes only the clocks go on, and only where somebody looks.
  const tick = () => document.hidden || known.forEach((card) => card.tick(Date.now() / 1000 + ahead_s));
  setInterval(tick, TICK_MS);
  async function showHour() {
    if (!known.size) return;
    hour = await ask("/processors/utilisation");
    showLegend(legend, hour);
    known.forEach((card) => card.strip.show(hour));
  }

  frame.on(["processors", "settings"], () => frame.attempt(show()), 300);
  frame.on(["processors", "log"], () => frame.attempt(showHour()), HOUR_MS);
  await frame.attempt(show());
  await frame.attempt(showHour());
}

function makeCard(id, kill) {
  const state = h("span.state");
  const stop = sureButton("Stop", () => "End it?", () => 1, () => kill([id]));
  const image = h("div.image");
  const bar = h("i");
  const progress = h("div.progress", { role: "progressbar", "aria-label": `Progress of ${id}`, "aria-valuemin": "0", "aria-valuemax": "100" }, bar);
  const script = h("span");
  const time = h("span");
  const place = h("span");
  const memory = h("span");
  const strip = makeStrip(id);
  const element = h("article.card", {},
    h("div.top", {}, h("strong", { text: id }), state, stop),
    image, progress, h("div.row", {}, script, time), h("div.row", {}, place, memory), strip.element);
  let since = null;
  return {
    element,
    strip,
    tick: (now) => setText(time, since === null ? "" : duration(Math.max(0, Math.round(now - since)))),
    show(row, made) {
      state.className = `state ${row.state}`;
      setText(state, row.state);
      since = row.since || null;
      if (image.dataset.id !== String(row.image_id)) {
        image.dataset.id = String(row.image_id);
        fill(image, row.image ? h("a", { href: imageHref(row.image_id), title: row.image, text: brief(row.image, 44) }) : h("span.soft", { text: row.state === "idle" ? "waits for a batch" : "–" }));
      }
      setText(script, row.script ? `${row.script}${row.progress === null ? "" : ` · ${Math.round(row.progress * 100)} %`}` : "");
      progress.classList.toggle("unknown", row.state === "busy" && row.progress === null);
      progress.setAttribute("aria-valuenow", Math.round((row.progress ?? 0) * 100));
      bar.style.width = row.state === "busy" && row.progress !== null ? `${row.progress * 100}%` : "";
      const gpus = row.gpus.length ? `GPU ${row.gpus.join(", ")}` : "";
      setText(place, [row.batch ? `batch ${row.batch}` : "", row.host, count(made.threads, "core"), gpus].filter(Boolean).join(" · "));
      const limit = made.memory_limit_gb;
      setText(memory, row.memory_bytes ? `${bytes(row.memory_bytes)}${limit ? ` of ${limit} GB` : ""}` : "");
      memory.classList.toggle("warn", Boolean(limit) && row.memory_bytes > 0.9e9 * limit);
    },
  };
}
