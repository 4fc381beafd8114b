// Viewer: a micrograph with pan, zoom, contrast, scale bar, picks and motion.
// The server sends it in the size that the screen can show; deeper zoom asks for a larger one.

import { h, setText } from "./dom.js";
import { paintBar, paintMotion, paintPicks } from "./overlay.js";

const SIZES = [1024, 2048, 4096];
const WHEEL = 0.0016;
const SMOOTH_ANGSTROM = 5;
const KEPT = { picks: "cryobatch-picks", motion: "cryobatch-motion", smooth: "cryobatch-smooth" };

const isSame = (one, other) => Boolean(one && other) && one.id === other.id && one.version === other.version;

/** Make a viewer in an element; show(image) gives it what to show. */
export function makeViewer(whole, { frame }) {
  const element = h("div.screen");
  const picture = h("canvas", { "aria-hidden": "true" });
  const over = h("canvas", { role: "img", "aria-label": "Micrograph" });
  const place = h("span.place");
  const empty = h("div.empty", { hidden: true, text: "No micrograph yet." });
  const on = { picks: localStorage.getItem(KEPT.picks) !== "off", motion: localStorage.getItem(KEPT.motion) === "on", smooth: localStorage.getItem(KEPT.smooth) === "on" };
  let shown = null;
  let view = { scale: 1, x: 0, y: 0 };
  let fits = true;
  let loaded = null;
  let outdated = false;
  let asked = 0;
  let waiting = false;

  const slider = (text, low, high) => {
    const input = h("input", { type: "range", min: String(low), max: String(high), step: "0.05", value: "1", "aria-label": text, oninput: filter, ondblclick: () => { input.value = "1"; filter(); } });
    return input;
  };
  const light = slider("Brightness", 0.4, 2);
  const strength = slider("Contrast", 0.4, 4);
  const switches = {
    picks: h("button", { text: "Picks", title: "show the picks (o)", onclick: () => toggle("picks") }),
    motion: h("button", { text: "Motion", title: "show the local motion, magnified (m)", onclick: () => toggle("motion") }),
    smooth: h("button", { text: "Smooth", title: "take away the finest detail (s)", onclick: () => toggle("smooth") }),
  };
  const tools = h("div.tools", {},
    h("button", { text: "Fit", title: "the whole micrograph (f)", onclick: fit }), h("button", { text: "1:1", title: "one pixel a pixel", onclick: () => zoomTo(1 / devicePixelRatio) }),
    ...Object.values(switches), h("label", {}, "Light", light), h("label", {}, "Contrast", strength), place);
  element.append(picture, over, empty);
  whole.append(element, tools);

  const size = () => [element.clientWidth, element.clientHeight];
  function toggle(name) {
    on[name] = !on[name];
    localStorage.setItem(KEPT[name], on[name] ? "on" : "off");
    draw();
  }

  function fit() {
    if (!shown) return;
    const [width, height] = size();
    const scale = Math.min(width / shown.columns, height / shown.rows);
    view = { scale, x: (width - shown.columns * scale) / 2, y: (height - shown.rows * scale) / 2 };
    fits = true;
    draw();
  }

  function zoomAt(factor, x, y) {
    if (!shown) return;
    const [width, height] = size();
    const least = Math.min(width / shown.columns, height / shown.rows) / 2;
    const scale = Math.min(Math.max(view.scale * factor, least), 24);
    const by = scale / view.scale;
    view = { scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
    fits = false;
    draw();
  }

  function zoomTo(scale) {
    const [width, height] = size();
    zoomAt(scale / view.scale, width / 2, height / 2);
  }

  /** Ask for a larger picture when the one that is there has fewer pixels than the screen. */
  function load() {
    if (!shown) return;
    const longest = Math.max(shown.columns, shown.rows);
    const needed = Math.min(longest, longest * view.scale * devicePixelRatio * 0.8);
    const wanted = SIZES.find((one) => one >= needed) ?? SIZES.at(-1);
    if (wanted <= asked) return;
    asked = wanted;
    const mine = shown;
    // It may have been told anew meanwhile, with other picks or the same: its picture is what counts.
    const isShown = () => isSame(shown, mine);
    const image = new Image();
    image.decoding = "async";
    image.src = `/api/v1/images/${mine.id}/pictures/micrograph?size=${wanted}&version=${mine.version}`;
    image.decode().then(() => {
      if (!isShown() || (loaded && !outdated && loaded.naturalWidth > image.naturalWidth)) return;
      loaded = image;
      outdated = false;
      whole.dataset.loaded = String(wanted);
      draw();
    }).catch(() => { if (isShown() && !loaded) frame.say("The micrograph cannot be drawn; see the log of its scripts.", { bad: true }); });
  }

  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; paint(); });
  }

  function paint() {
    const [width, height] = size();
    const ratio = devicePixelRatio;
    for (const canvas of [picture, over]) {
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
    }
    for (const [name, button] of Object.entries(switches)) button.setAttribute("aria-pressed", String(on[name]));
    const below = picture.getContext("2d");
    const above = over.getContext("2d");
    below.setTransform(ratio, 0, 0, ratio, 0, 0);
    above.setTransform(ratio, 0, 0, ratio, 0, 0);
    below.clearRect(0, 0, width, height);
    above.clearRect(0, 0, width, height);
    if (!shown) return;
    load();
    if (loaded) {
      below.imageSmoothingEnabled = view.scale * shown.columns / loaded.naturalWidth < 3;
      below.imageSmoothingQuality = "high";
      below.drawImage(loaded, view.x, view.y, shown.columns * view.scale, shown.rows * view.scale);
    }
    filter();
    paintOver(above, width);
  }

  /** Where a place of the micrograph is on the screen; drawn pixels are larger than its own. */
  function at(x, y) {
    const half = loaded ? 0.5 * shown.columns / loaded.naturalWidth : 0.5;
    return [view.x + (x + half) * view.scale, view.y + (shown.rows - y - half) * view.scale];
  }

  function paintOver(context, width) {
    if (on.picks && shown.picks) paintPicks(context, shown, at, view.scale);
    const note = on.motion && shown.motion && shown.pixel_size_angstrom ? paintMotion(context, shown, at, view.scale) : "";
    paintBar(context, shown, view.scale, width, note);
  }

  /** Contrast; smooth takes away what is finer than a few Å, and gives back the contrast that it costs. */
  function filter() {
    let gain = 1;
    let blur = "";
    if (on.smooth && loaded && shown) {
      const sigma = SMOOTH_ANGSTROM / (shown.pixel_size_angstrom || 1) * view.scale;
      gain = Math.min(Math.max(2 * Math.sqrt(Math.PI) * sigma / (view.scale * shown.columns / loaded.naturalWidth) * 0.55, 1), 5);
      blur = `blur(${Math.min(sigma, 30).toFixed(2)}px) `;
    }
    picture.style.filter = `${blur}brightness(${light.value}) contrast(${(strength.value * gain).toFixed(3)})`;
  }

  // One finger or the mouse moves, two fingers zoom.
  const pointers = new Map();
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  element.addEventListener("pointermove", (event) => {
    tell(event);
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    const box = element.getBoundingClientRect();
    if (other) {
      const distance = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      zoomAt(distance(now) / Math.max(distance(before), 1), (now[0] + other[0]) / 2 - box.left, (now[1] + other[1]) / 2 - box.top);
    }
    const part = other ? 0.5 : 1;
    view = { ...view, x: view.x + (now[0] - before[0]) * part, y: view.y + (now[1] - before[1]) * part };
    fits = false;
    draw();
  });
  for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, (event) => pointers.delete(event.pointerId));
  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = element.getBoundingClientRect();
    zoomAt(Math.exp(-event.deltaY * WHEEL), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  element.addEventListener("dblclick", fit);
  new ResizeObserver(() => (fits ? fit() : draw())).observe(element);

  function tell(event) {
    if (!shown) return;
    const box = element.getBoundingClientRect();
    const x = (event.clientX - box.left - view.x) / view.scale;
    const y = shown.rows - (event.clientY - box.top - view.y) / view.scale;
    const inside = x >= 0 && y >= 0 && x < shown.columns && y < shown.rows;
    setText(place, inside ? `x ${Math.floor(x)}, y ${Math.floor(y)} px` : "");
  }

  return {
    fit,
    toggle,
    zoom: (factor) => zoomAt(factor, element.clientWidth / 2, element.clientHeight / 2),
    /** Show an image: {id, version, rows, columns, pixel_size_angstrom, picks, motion}, or null for none. */
    show(image) {
      const same = isSame(shown, image);
      const as = shown && image && shown.rows === image.rows && shown.columns === image.columns;
      const before = shown;
      shown = image;
      empty.hidden = image !== null;
      tools.hidden = image === null;
      switches.picks.hidden = !image?.picks;
      switches.motion.hidden = !image?.motion;
      if (!same) {
        // What is there stays until the next has come, when it is the same image renewed.
        if (!(before && image && before.id === image.id)) loaded = null;
        outdated = true;
        asked = 0;
        delete whole.dataset.loaded;
      }
      if (!as && image) fit();
      draw();
    },
  };
}
