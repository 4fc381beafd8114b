// The panels beside the library's table: one at a time, by button or key.

import { h } from "./dom.js";
import { count } from "./format.js";
import { showColumns } from "./library-columns.js";
import { showExport } from "./library-export.js";
import { showHistograms } from "./library-histograms.js";
import { showSelections } from "./library-selections.js";

const KINDS = {
  histograms: { text: "Histograms", key: "h", title: "filter by dragging over ranges" },
  selections: { text: "Selections", key: "s", title: "images under a name" },
  columns: { text: "Columns", key: "v", title: "choose the columns" },
  export: { text: "Export…", key: "e", title: "give images to RELION, cryoSPARC, or as a table", changes: true },
};

export class Panels {
  /** @param {object} page {side, frame, grid, rows, fields, filter, chosen(), where(), setWhere(text), passes()} */
  constructor(page) {
    this.page = page;
    this.open = null;
    const { frame, grid, filter } = page;
    const given = {
      ...page,
      shown() {
        const ids = [];
        grid.forEachNodeAfterFilterAndSort(({ data }) => { if (data) ids.push(data.id); });
        return ids;
      },
      choose(ids, name) {
        grid.deselectAll();
        const nodes = ids.map((id) => grid.getRowNode(String(id))).filter(Boolean);
        grid.setNodesSelected({ nodes, newValue: true });
        const gone = ids.length - nodes.length;
        if (gone) frame.say(`${count(gone, "image")} of ${name} are not in this table: put aside, or gone`);
      },
    };
    const insert = (name) => { filter.value = `${filter.value} ${name} `.trimStart(); filter.focus(); };
    this.show = {
      histograms: () => showHistograms(given),
      selections: () => showSelections(given),
      columns: () => showColumns(page.side, grid, page.fields, insert),
      export: () => showExport(given),
    };
    for (const [name, { key, title, changes }] of Object.entries(KINDS)) {
      if (!changes || frame.mayChange) frame.key(key, title, () => this.toggle(name));
    }
    frame.on(["settings"], () => this.showAll("selections"), 300);
  }

  /** The buttons that open the panels. */
  static buttons(toggle) {
    return Object.entries(KINDS).map(([name, { text, key, title, changes }]) => h(changes ? "button.changes" : "button", { text, title: `${title} (${key})`, onclick: () => toggle(name) }));
  }

  async toggle(name) {
    const { side } = this.page;
    const isOpen = !side.hidden && side.dataset.shows === name;
    side.hidden = isOpen;
    this.open = isOpen ? null : await this.show[name]();
  }

  is(name) {
    return this.open !== null && !this.page.side.hidden && this.page.side.dataset.shows === name;
  }

  /** Rows have changed. */
  soon() {
    if (this.is("histograms")) this.open.soon();
  }

  /** What a panel shows has changed. */
  showAll(name) {
    if (this.is(name)) this.open.showAll();
  }

  /** What is selected has changed. */
  showWhat() {
    if (this.is("selections")) this.open.showWhat();
  }
}
