// Pictures of the grid under the map's points: atlas, squares, holes, each where it was taken.

const ORDER = ["atlas", "tile", "square", "hole"];
const SIZES = [256, 1024, 2048, 4096];
/** How wide a picture must be on the screen, in pixels, to be worth fetching. */
const LEAST_PX = { atlas: 40, tile: 40, square: 50, hole: 110 };
const OPACITY = { atlas: 0.75, tile: 0.75, square: 0.7, hole: 0.75 };
const AT_ONCE = 4;

/** Make the pictures' layer; ready() is called when one more can be drawn. */
export function makePictures(ready) {
  let overviews = [];
  let shown = true;
  let loading = 0;
  const loaded = new Map();

  function want(one, px) {
    const known = loaded.get(one.id) ?? { image: null, size: 0, asked: 0 };
    loaded.set(one.id, known);
    const needed = Math.min(px, Math.max(one.columns, one.rows));
    const size = SIZES.find((step) => step >= needed) ?? SIZES.at(-1);
    if (size > known.asked && loading < AT_ONCE) {
      known.asked = size;
      loading += 1;
      const image = new Image();
      image.src = `/api/v1/map/overviews/${one.id}?size=${size}`;
      image.decode().then(() => {
        if (size > known.size) Object.assign(known, { image, size });
      }).catch(() => {
        // A picture that is gone since is not shown; the map does without.
      }).finally(() => { loading -= 1; ready(); });
    }
    return known.image;
  }

  function paintOne(context, one, view, [width, height], ratio) {
    const across = Math.hypot(...one.right) * one.columns * view.scale;
    const x = view.x + one.x * view.scale;
    const y = view.y - one.y * view.scale;
    const reach = Math.hypot(across, Math.hypot(...one.down) * one.rows * view.scale) / 2;
    if (across < LEAST_PX[one.kind] || x + reach < 0 || y + reach < 0 || x - reach > width || y - reach > height) return;
    const image = want(one, across * ratio);
    if (!image) return;
    const [wide, high] = [one.columns / image.naturalWidth * view.scale * ratio, one.rows / image.naturalHeight * view.scale * ratio];
    context.setTransform(one.right[0] * wide, -one.right[1] * wide, one.down[0] * high, -one.down[1] * high, x * ratio, y * ratio);
    context.globalAlpha = OPACITY[one.kind];
    context.drawImage(image, -image.naturalWidth / 2, -image.naturalHeight / 2);
  }

  return {
    get shown() { return shown; },
    get count() { return overviews.length; },
    toggle() { shown = !shown; ready(); },
    set(found) {
      overviews = [...found].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
    },
    paint(context, view, size, ratio) {
      if (!shown) return;
      context.imageSmoothingQuality = "high";
      for (const one of overviews) paintOne(context, one, view, size, ratio);
      context.globalAlpha = 1;
    },
  };
}
