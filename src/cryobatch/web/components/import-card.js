// A watched folder: its state, what was found, what lacks something and why, how quickly all goes.

import { fill, h, imageHref, setText } from "./dom.js";
import { bytes, clock, count, duration, whole } from "./format.js";
import { sureButton } from "./queue.js";

const STATES = {
  watching: ["following", "it is told of every file that appears"],
  polling: ["following, polled", "it is looked through again and again, as nothing is reported"],
  absent: ["away", "the folder is not there; it is waited for"],
  held: ["held", "there is too little room on the disk"],
  stopped: ["stopped", "nobody follows it"],
  starting: ["starting", "the daemon is about to follow it"],
  "no daemon": ["no daemon", "start 'cryobatch serve'"],
};
const PLACES = { bottom: "at the bottom of the queue", top: "on top of the queue", first_now: "first scripts on top, the rest at the bottom" };
const PARTS = [["imported", "●"], ["settling", "◌"], ["incomplete", "▲"], ["failed", "✕"], ["rewritten", "↻"]];
const MARKS = { incomplete: ["▲", "warn"], failed: ["✕", "bad"], rewritten: ["↻", "warn"] };

/** Return a card; show(row, held) brings it up to date without moving anything. */
export function makeCard(frame, actions) {
  let row = null;
  let whyHeld = null;
  let listed = "";
  const state = h("span.state");
  const name = h("bdi");
  const path = h("h3.path", {}, name);
  const toggle = h("button.changes", { onclick: () => actions.toggle(row) });
  const orders = h("span.orders");
  const figures = new Map(["Found", "Imported", "Settling", "Incomplete", "Failed", "Rate", "To queue", "To result"].map((one) => [one, h("dd")]));
  const bar = h("div.shares", { role: "img" });
  const settling = h("p.settling.soft", { hidden: true });
  const files = h("ul.files", { "aria-label": "Files that need a look" });
  const all = h("button.quiet.more", { hidden: true, onclick: showAll });
  const scanned = h("span.scanned.wide-only");
  const element = h("article.card.watch", { onclick: () => actions.choose(row.id) },
    h("div.top", {}, state, path, h("span.bar.changes", {},
      h("button", { text: "Rescan", title: "look through the whole folder now (r)", onclick: () => actions.scan(row) }), toggle,
      h("button", { text: "Change…", title: "what is done with its recordings (e)", onclick: () => actions.change(row) }),
      sureButton("Remove", () => "Forget it?", () => 1, () => actions.remove(row)))),
    h("div.row", {}, orders, scanned), bar,
    h("dl.figures", {}, ...[...figures].map(([title, value]) => h("div", {}, h("dt", { text: title }), value))),
    settling, files, all);

  function show(now, held) {
    [row, whyHeld] = [now, held];
    const [word, why] = STATES[row.state] ?? [row.state, ""];
    state.className = `state ${row.state.replace(" ", "-")}`;
    setText(state, ["watching", "polling"].includes(row.state) && row.reason ? `${word}: ${row.reason}` : word);
    state.title = row.state === "held" ? held : why;
    setText(name, row.folder);
    path.title = row.folder;
    setText(toggle, row.active ? "Stop" : "Start");
    toggle.title = row.active ? "follow it no more (s)" : "follow it again (s)";
    setText(orders, describeOrders(row.orders));
    showFigures();
    showSettling();
    showFiles(row.files, "");
    const left = row.incomplete + row.failed + row.rewritten - row.files.length;
    all.hidden = left <= 0 && !listed;
    setText(all, listed ? "Show fewer" : `Show ${count(left, "more file")}`);
    setText(scanned, row.scanned_at ? `looked through at ${clock(row.scanned_at)}${row.scan_s >= 0.1 ? `, in ${duration(row.scan_s)}` : ""}` : row.active ? "not looked through yet" : "");
  }

  function showFigures() {
    const lacking = row.failed + row.rewritten;
    const told = {
      Found: whole(row.found), Imported: whole(row.imported), Settling: whole(row.settling), Incomplete: whole(row.incomplete), Failed: whole(lacking),
      Rate: `${whole(row.images_an_hour)} /h`, "To queue": duration(row.delay_to_batch_s), "To result": duration(row.delay_to_result_s),
    };
    for (const [title, value] of figures) setText(value, told[title]);
    figures.get("Incomplete").className = row.incomplete ? "warn" : "";
    figures.get("Failed").className = lacking ? "bad" : "";
    figures.get("Rate").title = "imports of the last ten minutes";
    figures.get("To queue").title = row.delay_to_batch_slow_s === null ? "from the last byte" : `from the last byte, median; the slowest of a hundred: ${duration(row.delay_to_batch_slow_s)}`;
    figures.get("To result").title = "from the last byte to the first result, median";
    const parts = PARTS.filter(([part]) => row[part]);
    const shown = parts.map(([part]) => `${part} ${row[part]}`).join();
    if (bar.dataset.shown === shown) return;
    bar.dataset.shown = shown;
    bar.setAttribute("aria-label", parts.length ? shown : "nothing found yet");
    fill(bar, ...parts.map(([part, mark]) => h(`i.${part}`, { style: { flexGrow: String(row[part]) }, title: `${mark} ${part}: ${whole(row[part])}` })));
  }

  function showSettling() {
    const names = row.settling_files;
    settling.hidden = !names.length;
    const left = row.settling - names.length;
    setText(settling, names.length ? `◌ settling: ${names.map((one) => one.split("/").at(-1)).join(", ")}${left > 0 ? ` and ${whole(left)} more` : ""}` : "");
  }

  function showFiles(found, which) {
    if (listed && !which) return;
    const shown = JSON.stringify(found);
    if (files.dataset.shown === shown) return;
    files.dataset.shown = shown;
    fill(files, ...found.map((file) => {
      const [mark, kind] = MARKS[file.state];
      return h("li", {}, h(`span.${kind}`, { "aria-hidden": "true", text: mark }), h("span.sr", { text: file.state }),
        h("span.name", { title: file.path }, h("bdi", { text: file.path.split("/").at(-1) })),
        h("span.why", { text: file.reason }),
        h("span.soft.number", {}, file.image_id ? h("a", { href: imageHref(file.image_id), text: `image ${file.image_id}` }) : bytes(file.bytes)),
        h("span.soft.number", { text: clock(file.noted_at, { withSeconds: false }) }));
    }));
  }

  async function showAll() {
    if (listed) {
      listed = "";
      return show(row, whyHeld);
    }
    const found = await Promise.all(Object.keys(MARKS).filter((one) => row[one]).map((one) => actions.files(row, one)));
    if (found.some((one) => one === undefined)) return undefined;
    listed = "all";
    showFiles(found.flatMap(({ rows }) => rows), "all");
    return setText(all, "Show fewer");
  }

  return {
    element, show, row: () => row,
    choose(on) {
      element.classList.toggle("chosen", on);
    },
  };
}

/** What is done with a folder's recordings, in a line. */
function describeOrders(orders) {
  const work = !orders.submit ? "only import" : orders.scripts ? orders.scripts.join(", ") : orders.workflow ? `workflow ${orders.workflow}` : "the project's workflow";
  const facts = Object.entries(orders.facts).map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "string" ? value.split("/").at(-1) : value}`);
  return [
    orders.take + (orders.rate_mb_s ? ` at ${orders.rate_mb_s} MB/s` : ""), work, orders.submit && PLACES[orders.place],
    orders.include.length && `only ${orders.include.join(", ")}`, orders.ignore.length && `without ${orders.ignore.join(", ")}`,
    orders.pattern && `names ${orders.pattern}`, ...facts,
  ].filter(Boolean).join(" · ");
}
