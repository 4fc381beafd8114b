// Dragging rows of a table by their handle: with a mouse, a pen or a finger; what is selected goes
// along. The table is only told at the end: the server owns the order, and a row moves when it says so.

import { h } from "./dom.js";

const EDGE_PX = 40;
const STEP_PX = 14;

/**
 * Let rows be dragged.
 * @param {HTMLElement} place holds the table
 * @param {object} grid AG Grid's interface
 * @param {(node: object) => object[]} choose the nodes that go along with one
 * @param {(nodes: object[], target: object, below: boolean) => void} drop
 */
export function dragRows(place, grid, choose, drop) {
  let drag = null;

  place.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest(".handle");
    const node = handle && nodeAt(handle);
    if (!node?.data || event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    handle.setPointerCapture(event.pointerId);
    const nodes = choose(node);
    drag = { nodes, y: event.clientY, moved: false, target: null, timer: null,
      ghost: h("div.ghost", { text: nodes.length > 1 ? `${nodes.length} batches` : node.data.image }), line: h("div.drop-line") };
  }, true);

  place.addEventListener("pointermove", (event) => {
    if (!drag) return;
    if (!drag.moved && Math.abs(event.clientY - drag.y) < 4) return;
    if (!drag.moved) {
      drag.moved = true;
      document.body.append(drag.ghost, drag.line);
      drag.timer = setInterval(scroll, 30);
    }
    drag.x = event.clientX;
    drag.y = event.clientY;
    aim();
  });

  for (const name of ["pointerup", "pointercancel"]) {
    place.addEventListener(name, (event) => end(event.type === "pointerup"));
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && end(false));

  function nodeAt(element) {
    const row = element?.closest?.(".ag-row");
    return row && place.contains(row) ? grid.getDisplayedRowAtIndex(Number(row.getAttribute("row-index"))) : null;
  }

  function aim() {
    const { x, y, ghost, line } = drag;
    ghost.style.transform = `translate(${x + 14}px, ${y + 8}px)`;
    const inside = place.getBoundingClientRect();
    const row = document.elementFromPoint(Math.min(Math.max(x, inside.left + 30), inside.right - 30), y)?.closest?.(".ag-row");
    const node = nodeAt(row);
    drag.target = node?.data?.state === "waiting" ? node : null;
    line.hidden = !drag.target;
    if (!drag.target) return;
    const box = row.getBoundingClientRect();
    drag.below = y > box.top + box.height / 2;
    Object.assign(line.style, { left: `${inside.left}px`, width: `${inside.width}px`, top: `${drag.below ? box.bottom - 1 : box.top - 1}px` });
  }

  function scroll() {
    const view = place.querySelector(".ag-body-viewport");
    const box = view.getBoundingClientRect();
    const by = drag.y < box.top + EDGE_PX ? -STEP_PX : drag.y > box.bottom - EDGE_PX ? STEP_PX : 0;
    if (by) {
      view.scrollTop += by;
      aim();
    }
  }

  function end(drops) {
    if (!drag) return;
    const { nodes, target, below, moved, timer, ghost, line } = drag;
    clearInterval(timer);
    ghost.remove();
    line.remove();
    drag = null;
    if (drops && moved && target && !nodes.includes(target)) drop(nodes, target, below);
  }
}
