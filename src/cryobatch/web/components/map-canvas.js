// The map's canvas: pictures of the grid, squares and images; pan, zoom and what is under a point.

import { h } from "./dom.js";
import { paintImages, paintSquares } from "./map-marks.js";
import { makePictures } from "./map-pictures.js";
import { measure } from "./format.js";

const WHEEL = 0.0016;
const CLICK_PX = 5;
const REACH_PX = 14;
const MOST_SCALE = 1200;
const SQUARE_UM = 95;
/** Screen pixels a µm from which images are shown one by one. */
export const IMAGES_FROM = 1.2;

/**
 * Make a map in an element. y points upwards, as on the stage; all is in µm.
 * @param {HTMLElement} element
 * @param {{hover, pick, move}} on told of what is under the pointer, of clicks, and of every move
 */
export function makeMap(element, on) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  element.prepend(canvas);
  const pictures = makePictures(() => draw());
  const map = { images: null, squares: [], chosen: new Set(), now: null, view: { scale: 1, x: 0, y: 0 }, fits: true };
  let waiting = false;

  const size = () => [element.clientWidth, element.clientHeight];
  const toScreen = (x, y) => [map.view.x + x * map.view.scale, map.view.y - y * map.view.scale];
  const toStage = (x, y) => [(x - map.view.x) / map.view.scale, (map.view.y - y) / map.view.scale];

  function show(box, margin = 1.12) {
    const [width, height] = size();
    if (!box || !width || !height) return;
    const scale = Math.min(MOST_SCALE, width / Math.max(box.width * margin, 1), height / Math.max(box.height * margin, 1));
    map.view = { scale, x: width / 2 - box.x * scale, y: height / 2 + box.y * scale };
    map.fits = false;
    draw();
  }

  function fit() {
    // With its picture a square is shown whole, not only where its images are.
    const least = pictures.count ? SQUARE_UM : 0;
    show(boxOf(map.squares.map((one) => ({ ...one, width: Math.max(one.width, least), height: Math.max(one.height, least) }))));
    map.fits = true;
  }

  function zoomAt(factor, x, y) {
    const scale = Math.min(Math.max(map.view.scale * factor, 0.02), MOST_SCALE);
    const by = scale / map.view.scale;
    map.view = { scale, x: x - (x - map.view.x) * by, y: y - (y - map.view.y) * by };
    map.fits = false;
    draw();
  }

  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; paint(); });
  }

  function paint() {
    const [width, height] = size();
    const ratio = devicePixelRatio;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    pictures.paint(context, map.view, [width, height], ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const one = { map, toScreen, width, height };
    paintSquares(context, one, map.view.scale < IMAGES_FROM);
    if (map.images && map.view.scale >= IMAGES_FROM) paintImages(context, one, draw);
    paintBar(context, width, height);
    on.move(map.view.scale);
  }

  function paintBar(context, width, height) {
    const goal = Math.min(150, width / 4) / map.view.scale;
    const power = 10 ** Math.floor(Math.log10(goal));
    const length = [5, 2, 1].map((step) => step * power).find((step) => step <= goal);
    const px = length * map.view.scale;
    context.font = "12px system-ui, DejaVu Sans, sans-serif";
    context.textAlign = "left";
    context.fillStyle = "rgb(6 9 11 / 74%)";
    context.fillRect(8, height - 38, px + 16, 30);
    context.fillStyle = "#fff";
    context.fillRect(16, height - 16, px, 3);
    context.fillText(length >= 1 ? measure(length, "µm") : measure(length * 1000, "nm"), 16, height - 22);
  }

  /** What is at a point of the screen: {image: place} or {square: place}, null for nothing. */
  function find(x, y) {
    const [stageX, stageY] = toStage(x, y);
    if (map.images && map.view.scale >= IMAGES_FROM) {
      const image = map.images.nearest(stageX, stageY, REACH_PX / map.view.scale);
      return image >= 0 ? { image } : null;
    }
    const least = REACH_PX / map.view.scale;
    const square = map.squares.findIndex((one) => Math.abs(stageX - one.x) <= Math.max(one.width / 2 + 2, least) && Math.abs(stageY - one.y) <= Math.max(one.height / 2 + 2, least));
    return square >= 0 ? { square } : null;
  }

  const pointers = new Map();
  let began = null;
  const place = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button, a")) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    began = pointers.size === 1 ? place(event) : null;
  });
  element.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      on.hover(find(...now), now, toStage(...now));
      return;
    }
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (began && Math.hypot(now[0] - began[0], now[1] - began[1]) > CLICK_PX) began = null;
    if (other) {
      const distance = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      zoomAt(distance(now) / Math.max(distance(before), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    }
    const part = other ? 0.5 : 1;
    if (began) return;
    map.view = { ...map.view, x: map.view.x + (now[0] - before[0]) * part, y: map.view.y + (now[1] - before[1]) * part };
    map.fits = false;
    draw();
  });
  element.addEventListener("pointerup", (event) => {
    const known = pointers.delete(event.pointerId);
    if (known && began) on.pick(find(...began), event, began);
    began = null;
  });
  element.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
  element.addEventListener("pointerleave", () => on.hover(null));
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY * WHEEL), ...place(event));
  }, { passive: false });
  new ResizeObserver(() => (map.fits ? fit() : draw())).observe(element);

  return {
    map, draw, fit, show, pictures,
    zoom: (factor) => zoomAt(factor, size()[0] / 2, size()[1] / 2),
    pan(x, y) { map.view = { ...map.view, x: map.view.x + x, y: map.view.y + y }; map.fits = false; draw(); },
  };
}

/** The box around some squares, null around none. */
export function boxOf(squares) {
  if (!squares.length) return null;
  const low = (name, length) => Math.min(...squares.map((one) => one[name] - one[length] / 2));
  const high = (name, length) => Math.max(...squares.map((one) => one[name] + one[length] / 2));
  const [left, right, bottom, top] = [low("x", "width"), high("x", "width"), low("y", "height"), high("y", "height")];
  return { x: (left + right) / 2, y: (bottom + top) / 2, width: Math.max(right - left, 4), height: Math.max(top - bottom, 4) };
}
