// Import: the watched folders, what is known of their recordings, and whether the gain fits.

import { fill, h, setText } from "./dom.js";
import { count, whole } from "./format.js";
import { makeCard } from "./import-card.js";
import { startFacts } from "./import-facts.js";
import { showForm } from "./import-form.js";
import { startGain } from "./import-gain.js";
import { ask, order } from "./rest.js";

export async function start(main, frame) {
  const said = h("strong");
  const more = h("span.soft.wide-only");
  const notice = h("ul.notices", { "aria-label": "Notices" });
  const cards = h("section.watches", { "aria-label": "Watched folders" });
  const facts = h("section.panel.recent-facts", { "aria-label": "Acquisition facts" });
  const gain = h("section.panel.gain", { "aria-label": "Gain reference" });
  const side = h("aside.side.panel", { hidden: true, "aria-label": "Orders for a folder" });
  const known = new Map();
  let chosen = null;
  main.append(
    h("div.bar", {}, said, more, h("span.space"),
      h("button.main.changes", { text: "Watch a folder", title: "import its recordings as they come (a)", onclick: () => add() })),
    notice,
    h("div.import-view", {}, h("div.import-parts", {}, cards, h("div.import-told", {}, facts, gain)), side));

  const actions = {
    scan: (row) => act(order("POST", `/watches/${row.id}/scan`), `${row.folder} is being looked through`),
    toggle: (row) => act(order("POST", `/watches/${row.id}/${row.active ? "stop" : "start"}`), `${row.folder} ${row.active ? "is followed no more" : "is followed"}`,
      () => act(order("POST", `/watches/${row.id}/${row.active ? "start" : "stop"}`))),
    change: (row) => showForm(side, frame, row.orders, refresh),
    remove: (row) => act(order("DELETE", `/watches/${row.id}`), `${row.folder} is watched no more; its images stay`,
      () => act(order("POST", "/watches", row.orders))),
    choose,
    files: (row, state) => frame.attempt(ask(`/watches/${row.id}/files`, { state, limit: 500 })),
  };
  const add = () => frame.mayChange && showForm(side, frame, null, refresh);

  async function act(promise, text, undo = null) {
    if (!(await frame.attempt(promise))) return;
    if (text) frame.say(text, { action: undo && { text: "Undo", run: undo } });
    await refresh();
  }

  let asking = null;
  /** Show how the folders get on; an answer from before the last change is asked for again. */
  async function show() {
    const found = await ask("/watches");
    showHead(found);
    for (const id of [...known.keys()].filter((one) => !found.rows.some((row) => row.id === one))) {
      known.get(id).element.remove();
      known.delete(id);
    }
    cards.querySelector(".empty")?.remove();
    for (const row of found.rows) {
      if (!known.has(row.id)) {
        known.set(row.id, makeCard(frame, actions));
        cards.append(known.get(row.id).element);
      }
      known.get(row.id).show(row, found.held);
    }
    if (!found.rows.length) fill(cards, drawEmpty(frame, add));
    if (!known.has(chosen)) choose(found.rows[0]?.id ?? null);
    clearTimeout(asking);
    if (found.event < frame.lastEvent()) asking = setTimeout(refresh, found.renewed_in_s * 1000 + 100);
  }
  const refresh = () => frame.attempt(show());

  function showHead({ rows, works, held }) {
    const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
    const lacking = sum("incomplete") + sum("failed") + sum("rewritten");
    setText(said, rows.length ? count(rows.length, "watched folder") : "No folder is watched");
    setText(more, rows.length ? [`${whole(sum("imported"))} of ${whole(sum("found"))} recordings imported`, sum("settling") && `${whole(sum("settling"))} settling`, lacking && `${whole(lacking)} need a look`].filter(Boolean).join(" · ") : "");
    const item = (level, text) => h(`li.${level}`, {}, h(level === "error" ? "span.bad" : "span.warn", { "aria-hidden": "true", text: level === "error" ? "✕" : "▲" }), h("span", { text }));
    const texts = [held && item("error", `Nothing is imported: ${held}`), !works && rows.length && item("warning", "No daemon works here, so nobody follows the folders: start 'cryobatch serve'.")].filter(Boolean);
    if (notice.dataset.shown !== texts.map((one) => one.textContent).join()) fill(notice, ...texts);
    notice.dataset.shown = texts.map((one) => one.textContent).join();
  }

  function choose(id) {
    chosen = id;
    for (const [other, card] of known) card.choose(other === id);
  }

  function step(by) {
    const ids = [...known.keys()];
    if (!ids.length) return;
    choose(ids[Math.min(ids.length - 1, Math.max(0, ids.indexOf(chosen) + by))]);
    known.get(chosen).element.scrollIntoView({ block: "nearest" });
  }

  const onChosen = (run) => () => frame.mayChange && known.has(chosen) && run(known.get(chosen).row());
  frame.key("a", "watch a folder", add);
  frame.key("j", "next folder", () => step(1));
  frame.key("k", "folder before", () => step(-1));
  frame.key("r", "look through the folder now", onChosen(actions.scan));
  frame.key("s", "stop or start following it", onChosen(actions.toggle));
  frame.key("e", "change what is done with its recordings", onChosen(actions.change));
  frame.key("x", "watch it no more; images stay", onChosen(actions.remove));
  frame.on(["settings", "images"], refresh, 1000);
  await Promise.all([refresh(), startFacts(facts, frame)]);
  frame.attempt(startGain(gain, frame)); // it may take seconds, and nothing waits for it
}

function drawEmpty(frame, add) {
  return h("div.empty", {},
    h("span", { text: "Recordings are imported from folders as the microscope writes them: each once, whole, seconds after its last byte." }),
    frame.mayChange
      ? h("button.main", { text: "Watch a folder", onclick: add })
      : h("span", { text: "Who may change this project names the folder here." }),
    h("span", {}, "On the command line: ", h("code", { text: "cryobatch watch add FOLDER" })));
}
