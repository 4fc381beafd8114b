// The map's marks: squares by what is typical of them, images by value and state.

import { COLOURS, even } from "./map-scale.js";

export const SHAPES = { value: 0, none: 1, failed: 2, green: 3, amber: 4, red: 5 };
const NO_VALUE = "#e6eef2";
const MANY = 2000;
const FAILED = "#f07a52";
const FLAGS = { [SHAPES.green]: "#4fb6a0", [SHAPES.amber]: "#e6a532", [SHAPES.red]: FAILED };
const CHOSEN = "#4cc3e0";
const FOOTPRINT_FROM_PX = 9;
const PICTURE_FROM_PX = 64;
const MOST_PICTURES = 60;
const LEAST_SQUARE_PX = 13;
const MARGIN_UM = 0.8;
const LABEL_INSIDE_PX = 44;
const MOST_LABELS = 60;

/** Draw squares: filled by their median while they stand for their images, else as a frame. */
export function paintSquares(context, { map, toScreen, width, height }, filled) {
  context.font = "600 12px system-ui, DejaVu Sans, sans-serif";
  context.textAlign = "center";
  map.squares.forEach((one, place) => {
    const [x, y] = toScreen(one.x, one.y);
    const wide = Math.max((one.width + MARGIN_UM) * map.view.scale + 8, LEAST_SQUARE_PX);
    const high = Math.max((one.height + MARGIN_UM) * map.view.scale + 8, LEAST_SQUARE_PX);
    if (x + wide < 0 || y + high < 0 || x - wide > width || y - high > height) return;
    const chosen = map.chosen.has(place);
    context.lineWidth = chosen ? 3 : 1.2;
    context.strokeStyle = chosen ? CHOSEN : "rgb(219 229 234 / 55%)";
    if (filled) {
      context.globalAlpha = 0.88;
      context.fillStyle = one.step >= 0 ? COLOURS[one.step] : "rgb(40 54 62 / 70%)";
      context.fillRect(x - wide / 2, y - high / 2, wide, high);
      context.globalAlpha = 1;
    }
    if (filled || chosen || map.now === place) context.strokeRect(x - wide / 2, y - high / 2, wide, high);
    if (filled && (wide > LABEL_INSIDE_PX || map.squares.length <= MOST_LABELS)) {
      const inside = wide > LABEL_INSIDE_PX;
      const text = one.median === null ? `${one.images}` : even(one.median);
      context.fillStyle = inside && one.step > COLOURS.length * 0.45 ? "#10181d" : "#f2f6f8";
      context.strokeStyle = "rgb(6 9 11 / 80%)";
      context.lineWidth = 3;
      if (!inside) context.strokeText(text, x, y + high / 2 + 14);
      context.fillText(text, x, inside ? y + 4 : y + high / 2 + 14);
    }
  });
}

/** Draw images, those of one colour together: ten thousand cost some milliseconds. */
export function paintImages(context, { map, toScreen, width, height }, redraw) {
  const { images, view } = map;
  const radius = Math.max(images.count < MANY ? 3 : 1.8, Math.min(9, 0.3 * view.scale));
  const seen = [];
  for (let place = 0; place < images.count; place += 1) {
    const [x, y] = toScreen(images.x[place], images.y[place]);
    if (x > -radius && y > -radius && x < width + radius && y < height + radius) seen.push([place, x, y]);
  }
  const wide = (place) => images.width[place] * view.scale;
  if (seen.length && wide(seen[0][0]) > FOOTPRINT_FROM_PX) paintFootprints(context, map, seen, redraw);
  else paintDots(context, images, seen, radius);
}

function paintDots(context, images, seen, radius) {
  const bins = new Map();
  for (const one of seen) {
    const key = images.shape[one[0]] * 100 + images.step[one[0]];
    if (!bins.has(key)) bins.set(key, []);
    bins.get(key).push(one);
  }
  for (const some of bins.values()) {
    const place = some[0][0];
    const shape = images.shape[place];
    context.beginPath();
    for (const [, x, y] of some) outline(context, shape, x, y, radius);
    context.lineWidth = shape === SHAPES.failed || shape === SHAPES.red ? 2 : 1.2;
    if (isOpen(shape)) {
      // A dark rim first: what is open must be seen on a light picture too.
      const wide = context.lineWidth;
      context.lineWidth = wide + 1.6;
      context.strokeStyle = "rgb(6 9 11 / 60%)";
      context.stroke();
      context.lineWidth = wide;
      context.strokeStyle = colourOf(images, place);
      context.stroke();
    } else {
      context.fillStyle = colourOf(images, place);
      context.fill();
      if (radius > 3) {
        context.lineWidth = 0.8;
        context.strokeStyle = "rgb(6 9 11 / 80%)";
        context.stroke();
      }
    }
  }
}

const isOpen = (shape) => shape === SHAPES.none || shape === SHAPES.failed || shape === SHAPES.red;

function outline(context, shape, x, y, radius) {
  if (shape === SHAPES.failed || shape === SHAPES.red) {
    const arm = radius * 0.9;
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x - arm, y + arm);
    context.lineTo(x + arm, y - arm);
  } else if (shape === SHAPES.amber) {
    context.moveTo(x, y - radius * 1.2);
    context.lineTo(x + radius * 1.1, y + radius * 0.8);
    context.lineTo(x - radius * 1.1, y + radius * 0.8);
    context.closePath();
  } else {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
}

function colourOf(images, place) {
  const shape = images.shape[place];
  if (shape === SHAPES.value) return COLOURS[images.step[place]];
  if (shape === SHAPES.failed) return FAILED;
  return FLAGS[shape] ?? NO_VALUE;
}

/** What each image shows, true to scale, with its small picture when that can be seen. */
function paintFootprints(context, map, seen, redraw) {
  const { images, view } = map;
  const withPictures = seen.length <= MOST_PICTURES;
  for (const [place, x, y] of seen) {
    const wide = images.width[place] * view.scale;
    const high = images.height[place] * view.scale;
    const picture = withPictures && wide > PICTURE_FROM_PX ? images.picture(place, redraw) : null;
    if (picture) context.drawImage(picture, x - wide / 2, y - high / 2, wide, high);
    context.lineWidth = picture ? 2.5 : 1.5;
    context.strokeStyle = colourOf(images, place);
    if (!picture) {
      context.globalAlpha = isOpen(images.shape[place]) ? 0.12 : 0.75;
      context.fillStyle = context.strokeStyle;
      context.fillRect(x - wide / 2, y - high / 2, wide, high);
      context.globalAlpha = 1;
    }
    context.strokeRect(x - wide / 2, y - high / 2, wide, high);
    if (isOpen(images.shape[place])) {
      context.beginPath();
      outline(context, images.shape[place], x, y, Math.min(9, wide / 4));
      context.stroke();
    }
  }
}
