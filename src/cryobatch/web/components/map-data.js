// The map's data: where images are, joined with their values; what is near a point, what is typical.

import { median, stepOf } from "./map-scale.js";
import { SHAPES } from "./map-marks.js";

const CELL_UM = 20;
const MOST_KEPT = 200;
const FLAGS = { green: SHAPES.green, amber: SHAPES.amber, red: SHAPES.red };

export class MapImages {
  /**
   * @param {object} found images of the map as columns
   * @param {MapRows} rows values of the images
   */
  constructor(found, rows) {
    this.id = found.id;
    this.count = found.id.length;
    for (const name of ["x", "y", "width", "height"]) this[name] = Float64Array.from(found[name]);
    this.square = found.square;
    this.hole = found.hole;
    this.step = new Int8Array(this.count);
    this.shape = new Uint8Array(this.count);
    this.rows = rows;
    this.cells = new Map();
    this.kept = new Map();
    for (let place = 0; place < this.count; place += 1) {
      const key = this.cell(this.x[place], this.y[place]);
      if (!this.cells.has(key)) this.cells.set(key, []);
      this.cells.get(key).push(place);
    }
  }

  cell(x, y) {
    return `${Math.floor(x / CELL_UM)} ${Math.floor(y / CELL_UM)}`;
  }

  value(place, name) {
    return this.rows.value(this.id[place], name);
  }

  /** All images' values of a name. */
  values(name) {
    return Array.from(this.id, (id) => this.rows.value(id, name));
  }

  /** The image nearest to a point within a reach, -1 for none. */
  nearest(x, y, reach) {
    const around = Math.ceil(Math.min(reach, 3 * CELL_UM) / CELL_UM);
    let best = -1;
    let least = reach;
    for (let column = -around; column <= around; column += 1) {
      for (let row = -around; row <= around; row += 1) {
        for (const place of this.cells.get(this.cell(x + column * CELL_UM, y + row * CELL_UM)) ?? []) {
          const distance = Math.hypot(this.x[place] - x, this.y[place] - y);
          const inside = Math.abs(this.x[place] - x) < this.width[place] / 2 && Math.abs(this.y[place] - y) < this.height[place] / 2;
          if (distance < least || (inside && best < 0)) [best, least] = [place, Math.min(distance, least)];
        }
      }
    }
    return best;
  }

  /** Colour all images by a value, or by "flag". */
  colour(name, limits) {
    for (let place = 0; place < this.count; place += 1) {
      const flag = name === "flag" ? this.value(place, "flag") : null;
      const step = name === "flag" ? -1 : stepOf(this.value(place, name), limits);
      this.step[place] = Math.max(step, 0);
      this.shape[place] = flag ? FLAGS[flag] : step >= 0 ? SHAPES.value : this.value(place, "state") === "failed" ? SHAPES.failed : SHAPES.none;
    }
  }

  /** The small picture of an image once it is there; the last ones are kept. */
  picture(place, ready) {
    const id = this.id[place];
    const known = this.kept.get(id);
    if (known) return known.image;
    if (!this.rows.hasPicture(id)) return null;
    const entry = { image: null };
    this.kept.set(id, entry);
    if (this.kept.size > MOST_KEPT) this.kept.delete(this.kept.keys().next().value);
    const image = new Image();
    image.src = `/api/v1/images/${id}/pictures/micrograph?size=256`;
    image.decode().then(() => { entry.image = image; ready(); }).catch(() => {
      // It has no micrograph yet: its frame is enough.
    });
    return null;
  }

  /** The places of the images of a square. */
  of(square) {
    const found = [];
    for (let place = 0; place < this.count; place += 1) if (this.square[place] === square) found.push(place);
    return found;
  }
}

/** Give squares what is typical of their images: medians of values, counts, and holes. */
export function summarise(squares, images, names) {
  const members = squares.map(() => []);
  for (let place = 0; place < images.count; place += 1) members[images.square[place]]?.push(place);
  return squares.map((square, number) => {
    const own = members[number];
    const holes = new Set(own.map((place) => images.hole[place]).filter((hole) => hole >= 0));
    return {
      ...square,
      number,
      holes: holes.size,
      done: own.filter((place) => images.rows.hasPicture(images.id[place])).length,
      failed: own.filter((place) => images.value(place, "state") === "failed").length,
      medians: Object.fromEntries(names.map((name) => [name, median(own.map((place) => images.value(place, name)))])),
    };
  });
}
