// The values of the map's images: as columns, only those that the map tells of, renewed as they change.

import { ask } from "./rest.js";

const RENEW_MS = 300;
const RELOAD_MS = 5000;
const AT_ONCE = 400;
const ALWAYS = ["name", "state", "flag", "root_product"];

export class MapRows {
  /** @param {() => string[]} wanted names of the values that are told of now */
  constructor(wanted) {
    this.wanted = wanted;
    this.columns = { id: [] };
    this.places = new Map();
    this.there = [];
    this.waiting = new Set();
    this.timers = new Map();
  }

  /** A value of an image, undefined where it has none. */
  value(id, name) {
    return this.columns[name]?.[this.places.get(id)];
  }

  /** Whether an image has a small picture: something was calculated of it. */
  hasPicture(id) {
    const told = this.value(id, "has_results");
    return told === undefined || told === null ? this.there.some((name) => typeof this.value(id, name) === "number") : Boolean(told);
  }

  async load() {
    const names = this.wanted();
    const { columns } = await ask("/library/table", { columns: [...ALWAYS, ...names] });
    this.columns = columns;
    this.places = new Map(columns.id.map((id, place) => [id, place]));
    this.there = names;
  }

  /** Fetch what is wanted now and was not before; tells whether there was anything. */
  async complete() {
    const missing = this.wanted().some((name) => !this.there.includes(name));
    if (missing) await this.load();
    return missing;
  }

  /** Fetch images that have changed, some together; tell() when they are there. */
  renewSoon(ids, tell) {
    for (const id of ids) this.waiting.add(id);
    this.once("renew", RENEW_MS, async () => {
      const some = [...this.waiting].slice(0, AT_ONCE);
      for (const id of some) this.waiting.delete(id);
      const { columns } = await ask("/library/table", { where: `id in (${some.join(", ")},)`, columns: [...ALWAYS, ...this.there] })
        .catch((error) => {
          for (const id of some) this.waiting.add(id); // the next change asks for them again
          throw error;
        });
      columns.id.forEach((id, from) => {
        if (!this.places.has(id)) this.places.set(id, this.columns.id.length);
        const to = this.places.get(id);
        for (const [name, column] of Object.entries(columns)) (this.columns[name] ??= [])[to] = column[from];
      });
      tell();
      if (this.waiting.size) this.renewSoon([], tell);
    });
  }

  reloadSoon(run) {
    this.once("reload", RELOAD_MS, run);
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
