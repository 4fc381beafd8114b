// The library's rows: fetched once as columns, then only those that have changed. Of the columns only
// those that are shown are fetched: 100,000 images with every value would be many megabytes.

import { ask } from "./rest.js";

const LIVE_MS = 30;
const RELOAD_MS = 5000;
const AT_ONCE = 400;
const ORDER = "cryobatch-order";

export class Rows {
  /**
   * @param {object} fields what the server says that there is
   * @param {() => string[]} [shown] names of the columns that are shown; without: all values
   */
  constructor(fields, shown = null) {
    this.fields = fields;
    this.shown = shown;
    this.there = new Set();
    this.known = new Map();
    this.waiting = new Set();
    this.loading = true;
    this.asked = 0;
    this.timers = new Map();
  }

  get count() {
    return this.known.size;
  }

  /** Fetch all rows that an expression means; null when others were asked for meanwhile. */
  async load(where) {
    this.asked += 1;
    const mine = this.asked;
    this.loading = true;
    this.there = new Set();
    this.note();
    try {
      const { columns } = await this.fetch(where, [...this.there]);
      if (mine !== this.asked) return null;
      const found = this.toRows(columns);
      this.known = new Map(found.map((row) => [row.id, row]));
      return found;
    } finally {
      if (mine === this.asked) this.loading = false;
    }
  }

  /** Note the shown columns as fetched; returns those that were not yet. */
  note() {
    if (!this.shown) return [];
    const wanted = ["quality", ...this.shown()].filter((name) => !this.there.has(name) && (name in this.fields.values || this.fields.columns.includes(name)));
    for (const name of wanted) this.there.add(name);
    return wanted;
  }

  fetch(where, columns) {
    return ask("/library/table", { where, columns: this.shown && !columns.length ? ["id"] : columns });
  }

  /** Fetch columns that are shown now and were not before; returns their names. */
  async complete(where) {
    const wanted = this.note();
    if (!wanted.length) return [];
    const { columns } = await this.fetch(where, wanted);
    columns.id.forEach((id, place) => {
      const row = this.known.get(id);
      if (row) for (const name of wanted) row[name] = columns[name][place];
    });
    return wanted;
  }

  /** Fetch rows that have changed, some together; tell(transaction) when they are there. */
  renewSoon(ids, where, tell) {
    for (const id of ids) this.waiting.add(id);
    this.once("renew", LIVE_MS, async () => {
      // What is being loaded may be older than what has changed: that is asked for afterwards.
      if (this.loading) return this.renewSoon([], where, tell);
      const wanted = [...this.waiting].slice(0, AT_ONCE);
      for (const id of wanted) this.waiting.delete(id);
      const named = `id in (${wanted.join(", ")},)`;
      const { columns } = await this.fetch(where ? `${named} and (${where})` : `${named} and not trashed`, [...this.there])
        .catch((error) => {
          for (const id of wanted) this.waiting.add(id); // the next change asks for them again
          throw error;
        });
      tell(this.take(wanted, this.toRows(columns)));
      if (this.waiting.size) this.renewSoon([], where, tell);
      return undefined;
    });
  }

  take(wanted, found) {
    const transaction = { add: [], update: [], remove: [] };
    const there = new Set();
    for (const row of found) {
      there.add(row.id);
      const before = this.known.get(row.id);
      transaction[before ? "update" : "add"].push(row);
      this.known.set(row.id, row);
    }
    for (const id of wanted) {
      if (there.has(id) || !this.known.has(id)) continue;
      transaction.remove.push(this.known.get(id));
      this.known.delete(id);
    }
    return transaction;
  }

  toRows(columns) {
    const names = Object.keys(columns);
    const lists = names.map((name) => columns[name]);
    const number = columns.id.length;
    const rows = new Array(number);
    for (let place = 0; place < number; place += 1) {
      const row = {};
      for (let one = 0; one < names.length; one += 1) row[names[one]] = lists[one][place];
      rows[place] = row;
    }
    return rows;
  }

  reloadSoon(run) {
    this.once("reload", RELOAD_MS, run);
  }

  later(run, name = "later", wait_ms = 1500) {
    this.once(name, wait_ms, run);
  }

  /** Run something after a while; what is asked for meanwhile is the same. */
  once(name, wait_ms, run) {
    if (this.timers.has(name)) return;
    this.timers.set(name, setTimeout(() => {
      this.timers.delete(name);
      // A connection that is lost now is told by the frame, and everything is fetched again then.
      Promise.resolve(run()).catch(() => {});
    }, wait_ms));
  }
}

/** Remember in which order the table shows images: an image's page goes on in it. */
export function rememberOrder(grid) {
  const ids = [];
  grid.forEachNodeAfterFilterAndSort((node) => { if (node.data) ids.push(node.data.id); });
  try {
    sessionStorage.setItem(ORDER, JSON.stringify(ids));
  } catch {
    // Then the page goes on in the order of the ids.
  }
}

/** The images before and after one in the remembered order, null where there is none. */
export function findNeighbours(id) {
  let ids = [];
  try {
    ids = JSON.parse(sessionStorage.getItem(ORDER) ?? "[]");
  } catch {
    // As if nothing had been remembered.
  }
  const place = ids.indexOf(id);
  return place < 0 ? null : { previous: ids[place - 1] ?? null, next: ids[place + 1] ?? null, place: place + 1, number: ids.length };
}
