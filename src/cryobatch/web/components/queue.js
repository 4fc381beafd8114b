// Queue: what waits, in order, live; bring it into any order.

import { dragRows } from "./drag.js";
import { fill, h, imageHref, setText } from "./dom.js";
import { brief, clock, count, whole } from "./format.js";
import { ask, order } from "./rest.js";
import { makeTable, rowSelection } from "./table.js";

const MOVES = [
  { move: "top", mark: "⤒", text: "Top", help: "put what is selected on top", key: "t" },
  { move: "up", mark: "↑", text: "Up", help: "move one place up", key: "u" },
  { move: "down", mark: "↓", text: "Down", help: "move one place down", key: "d" },
  { move: "bottom", mark: "⤓", text: "Bottom", help: "put what is selected at the bottom", key: "b" },
];

const SHOWN = [
  { value: "", text: "In the queue" }, { value: "failed", text: "Failed" }, { value: "cancelled", text: "Cancelled" }, { value: "done", text: "Done" },
];
const TYPED_MS = 250;

export async function start(main, frame) {
  main.classList.add("fixed");
  const place = h("div.grid");
  const state = h("div.bar");
  const empty = h("div.empty", { hidden: true },
    h("span", { text: "Nothing waits and nothing runs." }), h("span", {}, "Queue images with ",
      ...(frame.mayChange ? [h("kbd", { text: "p" }), " in the ", h("a", { href: "/library", text: "Library" }), ", or "] : []), h("code", { text: "cryobatch submit --all" })));
  let running = 0;
  let shown = null;
  const address = new URLSearchParams(location.search);
  let text = address.get("find") ?? "";
  let show = SHOWN.some((one) => one.value === address.get("show")) ? address.get("show") : "";

  const table = makeTable(place, frame, columns(frame.mayChange), load, {
    rowSelection: frame.mayChange ? { ...rowSelection, isRowSelectable: ({ data }) => Boolean(data) } : undefined,
    onSelectionChanged: () => showBar(),
  });

  async function load(start, end) {
    const answer = await ask("/queue", { offset: start, limit: end - start, text, state: show });
    running = show ? 0 : answer.counts.running;
    shown = answer;
    showBar();
    return { rows: answer.rows.map((row, index) => ({ ...row, place: row.place ?? start + index - running + 1 })), total: answer.total };
  }

  /** Filter, and keep that in the address beside what others keep there. */
  function narrow(given) {
    ({ text, show } = { text, show, ...given });
    const search = new URLSearchParams(location.search);
    for (const [name, value] of [["find", text], ["show", show]]) search[value ? "set" : "delete"](name, value);
    history.replaceState(null, "", `${location.pathname}${search.size ? `?${search}` : ""}`);
    table.restart();
  }

  async function act(promise, tell) {
    const done = await frame.attempt(promise);
    if (done) {
      tell?.(done);
      table.refresh();
    }
  }

  function move(name) {
    const ids = table.selected();
    if (!ids.length) return frame.say("Select batches first: click, shift-click, or the space key.", { bad: true });
    return act(order("POST", `/queue/${name}`, { ids }), ({ moved, not_waiting: left }) => {
      if (left.length) frame.say(`${count(moved.length, "batch")} moved; ${whole(left.length)} did not wait any more`);
    });
  }

  function together(node) {
    const chosen = table.grid.getSelectedNodes().filter((one) => one.data?.state === "waiting");
    return node.isSelected() ? chosen.sort((a, b) => a.rowIndex - b.rowIndex) : [node];
  }

  function drop(nodes, target, below) {
    return act(order("POST", "/queue/beside", { ids: nodes.map((node) => node.data.id), target: target.data.id, below }));
  }

  function remove() {
    const ids = table.selected();
    if (!ids.length) return frame.say("Select batches first.", { bad: true });
    return act(order("POST", "/queue/remove", { ids }), ({ cancelled, not_there: left }) => {
      const rest = left.length ? `; ${count(left.length, "batch")} run or have ended` : "";
      frame.say(`${count(cancelled.length, "batch")} taken out${rest}`, {
        action: cancelled.length ? { text: "Undo", run: () => act(order("POST", "/queue/retry", { ids: cancelled, top: true })) } : null,
      });
      table.grid.deselectAll();
    });
  }

  const bar = makeBar();
  main.append(state, place, empty);
  if (frame.mayChange) dragRows(place, table.grid, together, drop);

  function makeBar() {
    const waiting = h("strong");
    const notice = h("span.warn");
    const selected = h("span.soft", { "aria-live": "polite" });
    const pause = h("button.changes", { onclick: () => act(order("POST", shown?.paused ? "/queue/resume" : "/queue/pause")) });
    const moves = h("span.group.changes", {}, ...MOVES.map((one) => h("button", { "aria-label": one.text, title: `${one.help} (${one.key})`, onclick: () => move(one.move) }, `${one.mark} `, h("span.word", { text: one.text }))));
    const out = h("button.changes", { text: "Take out", title: "take what is selected out of the queue (x)", onclick: remove });
    const clear = sureButton("Clear", (n) => `Take all ${n} out?`, () => shown?.counts.waiting ?? 0,
      () => act(order("POST", "/queue/clear"), ({ cancelled }) => frame.say(`${count(cancelled, "batch")} taken out`)));
    const retry = h("button.changes", { hidden: true, onclick: () => act(order("POST", "/queue/retry", {}), ({ batches }) => frame.say(`${count(batches.length, "batch")} queued anew`)) });
    const again = h("button.changes", { hidden: true, text: "Retry", title: "queue what is selected anew", onclick: () => act(order("POST", "/queue/retry", { ids: table.selected() }), ({ batches }) => frame.say(`${count(batches.length, "batch")} queued anew`)) });
    let timer = null;
    const find = h("input.find", { type: "search", value: text, placeholder: "Find", title: "image, group or script (/)", "aria-label": "Find in the queue", oninput() { clearTimeout(timer); timer = setTimeout(() => narrow({ text: find.value.trim() }), TYPED_MS); } });
    const states = h("select", { "aria-label": "Which batches", onchange: () => narrow({ show: states.value }) }, ...SHOWN.map((one) => h("option", { value: one.value, text: one.text, selected: one.value === show })));
    fill(state, waiting, notice, h("span.space"), selected, find, states, moves, out, again, retry, pause, clear);
    return { waiting, notice, selected, pause, retry, again, find, buttons: [...moves.children, out] };
  }

  function showBar() {
    if (!shown) return;
    const { counts, paused, held, total } = shown;
    const all = `${whole(counts.waiting)} waiting, ${whole(counts.running)} running`;
    setText(bar.waiting, text || show ? `${whole(total)} found; ${all}` : all);
    setText(bar.notice, held ? `✕ held: ${held}` : paused ? "■ paused: what runs goes on, nothing new begins" : "");
    setText(bar.pause, paused ? "▶ Resume" : "❚❚ Pause");
    bar.pause.classList.toggle("main", paused);
    bar.retry.hidden = !counts.failed;
    setText(bar.retry, "Retry failed");
    const chosen = table.grid.getSelectedNodes().length;
    setText(bar.selected, chosen ? `${whole(chosen)} selected` : "");
    for (const button of bar.buttons) {
      button.disabled = !chosen;
      button.hidden = Boolean(show);
    }
    bar.again.hidden = !show || show === "done";
    bar.again.disabled = !chosen;
    const nothing = !text && !show && counts.waiting + counts.running === 0;
    empty.hidden = !nothing;
    place.hidden = nothing;
  }

  frame.on(["queue", "settings"], table.refresh, 1000);
  frame.key("/", "find in the queue", () => bar.find.focus());
  if (frame.mayChange) {
    for (const { move: name, help, key } of MOVES) frame.key(key, help, () => move(name));
    frame.key("x", "take what is selected out of the queue", remove);
    frame.key("Escape", "select nothing", () => table.grid.deselectAll());
  }
}

function columns(mayChange) {
  return [
    { headerName: "#", field: "place", width: 88, type: "rightAligned", cellRenderer: ({ data }) => placeCell(data, mayChange) },
    { headerName: "Image", field: "image", flex: 3, minWidth: 150, cellRenderer: imageCell },
    { headerName: "Group", field: "group", context: { from: 900 }, flex: 1.4, minWidth: 90 },
    { headerName: "State", field: "state", context: { from: 460 }, width: 118, cellRenderer: ({ data }) => data ? h(`span.state.${data.state}`, { text: data.stopping ? "stopping" : data.state }) : "" },
    { headerName: "Scripts", field: "scripts", context: { from: 560 }, flex: 3, minWidth: 130, valueFormatter: ({ value }) => value?.join(", ") ?? "" },
    { headerName: "Why", colId: "why", context: { from: 1000 }, flex: 1.6, minWidth: 110, valueGetter: ({ data }) => data ? why(data) : "" },
    { headerName: "Since", colId: "since", context: { from: 720 }, width: 120, type: "rightAligned", valueGetter: ({ data }) => data ? clock(data.finished_at ?? data.started_at ?? data.submitted_at) : "" },
    { headerName: "Batch", field: "id", context: { from: 640 }, width: 86, type: "rightAligned" },
  ];
}

function placeCell(row, mayChange) {
  if (!row) return "";
  if (row.state !== "waiting") return row.state === "running" ? h("span", { text: "▶", title: "runs" }) : "";
  return h("span.place", {}, mayChange && h("span.handle", { text: "⠿", title: "Drag to another place" }), h("span", { text: whole(row.place) }));
}

function why(row) {
  if (row.state === "running") return row.processor ? `on ${row.processor}` : "begins next";
  if (row.state !== "waiting") return Object.entries(row.failures).map(([script, text]) => `${script}: ${text}`).join("; ");
  return [row.waits_for ? `after ${brief(row.waits_for, 34)}` : "", row.force ? "forced" : "", Object.keys(row.parameters).length ? "own parameters" : "", row.losses ? `lost its processor ${count(row.losses, "time")}` : ""].filter(Boolean).join(", ");
}

function imageCell({ data }) {
  return data ? h("a", { href: imageHref(data.image_id), text: brief(data.image, 34), tabindex: "-1" }) : h("span.soft", { text: "…" });
}

/** A button that wants a second click; away from it, it forgets the first. */
export function sureButton(text, ask_, number, run) {
  const button = h("button.danger.changes", { text, onclick: click, onblur: forget });
  let armed = false;
  function forget() {
    armed = false;
    button.classList.remove("sure");
    button.textContent = text;
  }
  function click() {
    if (armed) {
      forget();
      run();
      return;
    }
    armed = true;
    button.classList.add("sure");
    button.textContent = ask_(whole(number()));
  }
  return button;
}
