// Library: all images, every value a column; sort, filter by an expression, select, act on many.

import { createGrid } from "/libraries/ag-grid.js";
import { rowSelection, theme } from "./table.js";
import { fill, h, imageHref, setText } from "./dom.js";
import { sayHowToBegin } from "./begin.js";
import { count, whole } from "./format.js";
import { FLAGS, act } from "./library-actions.js";
import { makeColumns } from "./library-columns.js";
import { makeFilter } from "./library-filter.js";
import { Rows, rememberOrder } from "./library-rows.js";
import { sortNodes, sortedColumns } from "./library-order.js";
import { showMove } from "./library-move.js";
import { Panels } from "./library-panels.js";
import { showProcess } from "./process.js";
import { ask } from "./rest.js";

const LIVE_MS = 40;
const CHOSEN = "cryobatch-chosen";

export async function start(main, frame) {
  main.classList.add("fixed");
  const address = new URLSearchParams(location.search);
  let where = address.get("where") ?? "";
  let trash = address.has("trash");
  let passes = null;
  let panels = null;
  let kept = JSON.parse(sessionStorage.getItem(CHOSEN) ?? "[]");

  const number = h("strong");
  const { field: filter, wrong, tellWrong, typed } = makeFilter(where, (text) => setFilter(text));
  const trashButton = h("button", { text: "Trash", title: "show what was put aside", onclick: () => setTrash(!trash) });
  const place = h("div.grid.images");
  const side = h("aside.side.panel", { hidden: true });
  const selection = h("div.bar.selection", { hidden: true });
  main.append(
    h("div.bar", {}, number, filter,
      h("span.tools", {}, ...Panels.buttons((name) => panels.toggle(name)), trashButton)),
    wrong, selection, h("div.with-side", {}, place, side));

  const fields = await ask("/library/fields");
  const rows = new Rows(fields, () => grid.getColumns().filter((one) => one.isVisible() || one.getSort()).map((one) => one.getColId()));
  const { columns, initial } = makeColumns(fields, frame);
  const grid = createGrid(place, {
    theme, styleNonce: frame.nonce, columnDefs: columns, initialState: initial.state, loading: true,
    rowHeight: 44, headerHeight: 44, animateRows: false, suppressDragLeaveHidesColumns: true, tooltipShowDelay: 500,
    rowSelection: { ...rowSelection, headerCheckbox: true, selectAll: "filtered", enableSelectionWithoutKeys: false },
    selectionColumnDef: { width: 38, pinned: "left", suppressHeaderMenuButton: true },
    defaultColDef: { sortable: true, resizable: true, suppressHeaderMenuButton: true, wrapHeaderText: true, comparator: () => 0 },
    postSortRows: ({ nodes, api }) => sortNodes(nodes, sortedColumns(api)),
    getRowId: ({ data }) => String(data.id), asyncTransactionWaitMillis: LIVE_MS,
    isExternalFilterPresent: () => passes !== null, doesExternalFilterPass: ({ data }) => passes.has(data.id),
    overlayNoRowsTemplate: "<span></span>",
    onSelectionChanged: showSelection, onModelUpdated: () => { showNumber(); panels?.soon(); }, onColumnVisible: () => rows.later(complete, "columns", LIVE_MS), onStateUpdated: ({ state }) => initial.keep(state),
    onRowDoubleClicked: ({ data }) => open(data.id),
    onCellKeyDown: ({ event, data }) => { if (event.key === "Enter" && data) open(data.id); },
  });

  function open(id) {
    rememberOrder(grid);
    location.assign(imageHref(id));
  }
  place.addEventListener("click", (event) => { if (event.target.closest("a")) rememberOrder(grid); }, true);

  const base = () => /\btrashed\b/.test(where) ? where : trash ? "trashed" : null;

  async function load() {
    const asked = base();
    try {
      const found = await rows.load(asked);
      if (found === null) return; // something else was asked for meanwhile
      grid.setGridOption("rowData", found);
    } catch (error) {
      if (asked === null || asked !== where) throw error;
      return tellWrong(error);
    } finally {
      grid.setGridOption("loading", rows.loading);
    }
    await applyFilter();
    if (kept) restoreSelection();
    showNumber();
    return undefined;
  }

  /** Fetch the columns that have been shown since. */
  async function complete() {
    const names = await rows.complete(base());
    if (!names.length) return;
    grid.refreshCells({ columns: names, force: true });
    panels?.soon();
  }

  /** Ask the server which images an expression means: its grammar is the library's own. */
  async function applyFilter() {
    const asked = where;
    try {
      const wanted = trash && where ? `trashed and (${where})` : where;
      const ids = where && base() !== where ? (await ask("/library/ids", { where: wanted })).ids : null;
      if (asked !== where) return;
      passes = ids && new Set(ids);
      tellWrong(null);
    } catch (error) {
      if (asked === where) tellWrong(error);
      return;
    }
    grid.onFilterChanged();
    showSelection();
    panels?.showAll("histograms");
  }

  async function setFilter(text) {
    const before = base();
    where = typed(text);
    keepAddress();
    if (base() === before) await applyFilter();
    else await frame.attempt(load());
  }

  async function setTrash(on) {
    trash = on;
    trashButton.setAttribute("aria-pressed", String(on));
    grid.deselectAll();
    keepAddress();
    passes = null;
    await frame.attempt(load());
    showSelection();
  }

  function keepAddress() {
    const search = new URLSearchParams();
    if (where) search.set("where", where);
    if (trash) search.set("trash", "");
    history.replaceState(null, "", `${location.pathname}${search.size ? `?${search}` : ""}`);
  }

  function showNumber() {
    const shown = grid.getDisplayedRowCount?.() ?? 0;
    const all = rows.count;
    setText(number, shown === all ? count(all, "image") : `${whole(shown)} of ${whole(all)} images`);
    if (!all && !rows.loading) showEmpty();
    else main.querySelector(".library-empty")?.remove();
  }

  function showEmpty() {
    if (main.querySelector(".library-empty")) return;
    place.append(h("div.empty.library-empty", {}, ...(trash
      ? [h("span", { text: "Nothing was put aside." })]
      : [h("span", { text: "No images yet." }), sayHowToBegin(frame)])));
  }

  /** The selected images as they stand in the table, those that the filter hides behind them. */
  function chosen() {
    const nodes = grid.getSelectedNodes().filter((node) => node.data);
    const place_ = (node) => node.displayed && node.rowIndex !== null ? node.rowIndex : Infinity;
    return nodes.sort((a, b) => place_(a) - place_(b) || a.data.id - b.data.id).map((node) => node.data);
  }

  const actions = { frame, grid, rows, chosen, select: () => grid.selectAll("filtered"), isTrash: () => trash };
  const said = h("strong");
  const hidden = h("span.warn");
  const button = (text, title, run, kind = "") => h(`button.changes${kind}`, { text, title, onclick: run });
  fill(selection, said, hidden,
    h("span.group.changes", { role: "group", "aria-label": "Flag" },
      ...FLAGS.map(({ flag, mark, key }) => h("button", { text: mark, title: `flag ${flag ?? "none"} (${key})`, onclick: () => act.flag(actions, flag) }))),
    button("Process…", "run scripts on what is selected (p)", process, ".main"),
    button("Move…", "move what is selected to another group (m)", move),
    button("Comment", "say something about what is selected (c)", () => act.comment(actions)),
    button("Trash", "put aside, or take back (x)", () => act.trash(actions)),
    h("span.space"),
    h("button", { text: "Select nothing", onclick: () => grid.deselectAll() }));

  function showSelection() {
    const nodes = grid.getSelectedNodes?.() ?? [];
    selection.hidden = nodes.length === 0;
    const away = passes ? nodes.filter((node) => node.data && !passes.has(node.data.id)).length : 0;
    setText(said, `${whole(nodes.length)} selected`);
    panels?.showWhat();
    setText(hidden, away ? `▲ ${whole(away)} of them hidden by the filter` : "");
    if (kept) return;
    try {
      sessionStorage.setItem(CHOSEN, JSON.stringify(nodes.slice(0, 20_000).map((node) => node.data.id)));
    } catch {
      // Then it is forgotten when the page is left.
    }
  }

  function restoreSelection() {
    const nodes = kept.map((id) => grid.getRowNode(String(id))).filter(Boolean);
    kept = null;
    if (nodes.length) grid.setNodesSelected({ nodes, newValue: true });
  }

  function process() {
    const images = chosenOrSay();
    if (images) showProcess(side, frame, images.map(({ id }) => id), images[0].root_product ?? "movie");
  }

  function move() {
    const images = chosenOrSay();
    if (images) showMove(side, frame, images.map(({ id }) => id));
  }

  function chosenOrSay() {
    const images = chosen();
    if (!images.length) frame.say("Select images first: click, shift-click, or the space key.", { bad: true });
    return images.length ? images : null;
  }

  panels = new Panels({ side, frame, grid, rows, fields, filter, chosen, where: () => where, setWhere: setFilter, passes: () => passes });

  frame.onChange((change) => {
    if (change === null || (change.topics.includes("images") && change.images === null)) rows.reloadSoon(load);
    else if (change.images?.length) {
      rows.renewSoon(change.images, base(), (transaction) => {
        grid.applyTransactionAsync(transaction);
        if (where && base() !== where) rows.later(applyFilter);
      });
    }
  });

  const step = (by) => {
    const at = grid.getFocusedCell();
    const to = Math.min(Math.max((at?.rowIndex ?? -1) + by, 0), grid.getDisplayedRowCount() - 1);
    if (to < 0) return;
    grid.ensureIndexVisible(to);
    grid.setFocusedCell(to, at?.column ?? "name");
  };
  frame.key("j", "next row", () => step(1));
  frame.key("k", "row before", () => step(-1));
  frame.key("/", "filter", () => filter.focus());
  frame.key("Escape", "select nothing, or close the panel", () => { if (side.hidden) grid.deselectAll(); else side.hidden = true; });
  if (frame.mayChange) {
    for (const { flag, key } of FLAGS) frame.key(key, `flag ${flag ?? "none"}`, () => act.flag(actions, flag));
    frame.key("p", "process what is selected", process);
    frame.key("m", "move what is selected to another group", move);
    frame.key("c", "comment what is selected", () => act.comment(actions));
    frame.key("x", "put aside what is selected, or take it back", () => act.trash(actions));
  }
  frame.key("A", "select all that the filter shows", () => grid.selectAll("filtered"));
  trashButton.setAttribute("aria-pressed", String(trash));
  await load();
}
