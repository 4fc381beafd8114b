// Map: images and squares where they were recorded, coloured by any value: where the good ice is.

import { sayHowToBegin } from "./begin.js";
import { showAverages } from "./map-averages.js";
import { boxOf, makeMap } from "./map-canvas.js";
import { MapImages, summarise } from "./map-data.js";
import { TOLD, drawLegend, fillCard, placeCard } from "./map-card.js";
import { MapRows } from "./map-rows.js";
import { makeSquares, tableValues } from "./map-squares.js";
import { findLimits, stepOf } from "./map-scale.js";
import { fill, h, imageHref, setText } from "./dom.js";
import { count, whole } from "./format.js";
import { label } from "./library-columns.js";
import { showProcess } from "./process.js";
import { ask } from "./rest.js";

const COLOUR = "cryobatch-map-colour";
const ORDER = "cryobatch-order";
const LIVE_MS = 1500;
const LATE_MS = 8000;
const PAN_PX = 60;

const keyOf = ({ group, name }) => `${group}/${name}`;

export async function start(main, frame) {
  const fields = await ask("/library/fields");
  const numbers = Object.entries(fields.values).filter(([, value]) => value.kind !== "text").map(([name]) => name);
  const usual = ["ctf_resolution", ...numbers].find((name) => numbers.includes(name)) ?? "flag";
  const address = new URLSearchParams(location.search);
  const kept = address.get("colour") ?? localStorage.getItem(COLOUR);
  let colour = kept === "flag" || numbers.includes(kept) ? kept : usual;
  let found = null;
  let squares = [];
  const rows = new MapRows(() => [...new Set([...tableValues(fields, colour), ...TOLD.filter((name) => name in fields.values)])]);

  const title = h("strong");
  const chooser = h("select", { "aria-label": "Colour by", onchange: () => setColour(chooser.value) },
    ...numbers.map((name) => h("option", { value: name, text: label(name) })), h("option", { value: "flag", text: "Flag" }));
  const legend = h("div.map-legend");
  const picturesButton = h("button", { text: "Pictures", title: "show the microscope's pictures (o)", onclick: togglePictures });
  const place = h("div.map-view", { tabindex: "0", role: "application", "aria-label": "Map of the grid: drag to move, wheel to zoom, click an image to open it" });
  const card = h("div.map-card", { hidden: true });
  const note = h("div.map-note", { hidden: true });
  const side = h("aside.panel.map-side", { "aria-label": "Squares" });
  const selection = h("div.bar.selection", { hidden: true });
  const table = h("div.squares-place", { tabindex: "0", role: "region", "aria-label": "Squares and their medians" });
  const averages = h("section.panel.averages", { "aria-label": "Session averages" });
  const processing = h("aside.panel.side.image-side", { hidden: true });
  place.append(card, note);
  side.append(h("h2", { text: "Squares: medians" }), selection, table);
  main.append(h("div.bar", {}, title, h("label", {}, "Colour by ", chooser), legend, h("span.space"), picturesButton,
    h("span.group", {}, h("button", { text: "−", title: "farther (−)", "aria-label": "farther", onclick: () => view.zoom(1 / 1.6) }), h("button", { text: "+", title: "nearer (+)", "aria-label": "nearer", onclick: () => view.zoom(1.6) }), h("button", { text: "All", title: "the whole grid (f)", onclick: whole_ }))),
    h("div.map-room", {}, place, side), averages, processing);

  const view = makeMap(place, { hover, pick, move: (scale) => { place.dataset.scale = scale.toPrecision(4); } });
  const list = makeSquares(table, { fields, choose, colour });
  const { map } = view;

  async function setColour(name) {
    colour = name;
    try {
      localStorage.setItem(COLOUR, name);
    } catch {
      // Then it holds for this page only.
    }
    await frame.attempt(rows.complete());
    redraw();
  }

  /** Colour everything anew: after a change of values, or of what colours. */
  function redraw() {
    if (!map.images) return;
    const names = tableValues(fields, colour);
    const limits = colour === "flag" ? null : findLimits(map.images.values(colour));
    map.images.colour(colour, limits);
    squares = summarise(found.squares, map.images, names).map((one) => ({ ...one, median: one.medians[colour] ?? null, step: stepOf(one.medians[colour], limits) }));
    map.squares = squares;
    chooser.value = colour;
    drawLegend(legend, colour, limits, fields.values[colour]?.unit ?? "");
    showTable();
    view.draw();
    place.dataset.drawn = String(map.images.count);
  }

  function showTable() {
    list.draw({ squares, names: tableValues(fields, colour), colour, chosen: map.chosen });
    const chosen = [...map.chosen];
    selection.hidden = chosen.length === 0;
    if (!chosen.length) return;
    const images = chosen.reduce((sum, one) => sum + squares[one].images, 0);
    fill(selection, h("span.said", {}, h("strong", { text: count(chosen.length, "square") }), h("span.soft", { text: count(images, "image") })), h("span.space"),
      h("button", { text: "Library", title: "these images in the library", onclick: () => location.assign(libraryHref(chosen)) }),
      h("button.changes", { text: "Process…", title: "run scripts on these images (p)", onclick: process }),
      h("button.quiet", { text: "×", "aria-label": "choose none", onclick: () => choose(null) }));
  }

  function libraryHref(chosen) {
    const groups = chosen.map((one) => squares[one].group);
    const where = groups.every(Boolean)
      ? `group in (${groups.map((name) => `${JSON.stringify(name)},`).join(" ")})`
      : `id in (${chosen.flatMap((one) => map.images.of(one).map((at) => map.images.id[at])).slice(0, 2000).join(", ")},)`;
    return `/library?where=${encodeURIComponent(where)}`;
  }

  function choose(number, more = false) {
    const again = number !== null && map.chosen.has(number) && (more || map.chosen.size === 1);
    if (!more) map.chosen.clear();
    if (again) map.chosen.delete(number);
    else if (number !== null) map.chosen.add(number);
    showTable();
    if (number !== null && !more && !again) view.show(boxOf([squares[number]]), 1.25);
    else view.draw();
  }

  function pick(what, event) {
    if (what?.image !== undefined) {
      if (event.pointerType === "touch") {
        hover(what, [0, 0], null, true);
        return;
      }
      openImage(what.image);
    } else if (what?.square !== undefined) choose(what.square, event.shiftKey || event.ctrlKey);
  }

  /** Open an image; its page then goes on through the images of the same square. */
  function openImage(at) {
    const ids = map.images.of(map.images.square[at]).map((one) => map.images.id[one]);
    try {
      sessionStorage.setItem(ORDER, JSON.stringify(ids));
    } catch {
      // Then the page goes on in the order of the ids.
    }
    location.assign(imageHref(map.images.id[at]));
  }

  function hover(what, at, stage, pinned = false) {
    place.style.cursor = what ? "pointer" : "";
    card.hidden = !what;
    card.classList.toggle("pinned", pinned);
    const now = what?.square ?? (what?.image !== undefined ? map.images.square[what.image] : null);
    if (now !== map.now) {
      map.now = now;
      view.draw();
    }
    if (!what) return;
    fillCard(card, what, { map, squares, fields, colour, open: pinned ? () => openImage(what.image) : null });
    if (!pinned) placeCard(card, at, place);
  }

  function togglePictures() {
    view.pictures.toggle();
    picturesButton.setAttribute("aria-pressed", String(view.pictures.shown));
  }

  function whole_() {
    view.fit();
  }

  const process = () => {
    const places = [...map.chosen].flatMap((one) => map.images.of(one));
    if (!places.length) return frame.say("Choose squares first: click them, or their rows.", { bad: true });
    return showProcess(processing, frame, places.map((one) => map.images.id[one]), map.images.value(places[0], "root_product") ?? "movie");
  };

  function showNote() {
    const texts = [];
    if (found.unread) texts.push(`${whole(found.unread)} images are still looked up`);
    if (found.without) texts.push(`${count(found.without, "image")} without a place`);
    if (!found.exact) texts.push("shots are placed by the beam's shift, perhaps turned");
    setText(note, texts.join(" · "));
    note.hidden = !texts.length;
  }

  function showEmpty() {
    const none = !found.images.id.length && !found.unread;
    place.querySelector(".empty")?.remove();
    if (!none) return;
    place.append(h("div.empty", {}, ...(found.without
      ? [h("span", { text: `None of the ${whole(found.without)} images tells where it was recorded.` }), h("span", { text: "Stage positions come from EPU's XML or SerialEM's mdoc: import the session's whole folder again." })]
      : [h("span", { text: "No images yet." }), sayHowToBegin(frame)])));
  }

  async function load({ all = true } = {}) {
    const [where] = await Promise.all([ask("/map"), all ? rows.load() : null]);
    const first = !found?.images.id.length;
    const chosen = new Set([...map.chosen].map((one) => keyOf(found.squares[one])));
    found = where;
    map.images = new MapImages(found.images, rows);
    view.pictures.set(found.overviews);
    picturesButton.hidden = !view.pictures.count;
    // Squares that come, and images that move, give others another number.
    map.chosen.clear();
    found.squares.forEach((one, number) => { if (chosen.has(keyOf(one))) map.chosen.add(number); });
    setText(title, `${count(map.images.count, "image")} in ${count(found.squares.length, "square")}`);
    redraw();
    showNote();
    showEmpty();
    if (first) view.fit();
    if (found.unread) rows.once("unread", Math.max(300, found.renewed_in_s * 1000 + 50), () => load({ all: false }));
  }

  frame.onChange((change) => {
    if (change !== null && !change.topics.includes("images")) return;
    if (change === null || change.images === null) rows.reloadSoon(() => load());
    else if (change.images.length) {
      const fresh = change.images.some((id) => !rows.places.has(id));
      const placed = new Set(found?.images.id);
      // An image that had no place may have got one from metadata that came late.
      if (!fresh && change.images.some((id) => !placed.has(id))) rows.once("late", LATE_MS, () => load({ all: false }));
      rows.renewSoon(change.images, () => rows.once("draw", LIVE_MS, fresh ? () => load({ all: false }) : redraw));
    }
  });

  const step = (by) => {
    const order = list.order();
    const now = order.findIndex((one) => map.chosen.has(one.number));
    const next = order[Math.min(Math.max(now + by, 0), order.length - 1)];
    if (next && !(map.chosen.size === 1 && map.chosen.has(next.number))) choose(next.number);
  };
  frame.key("j", "next square of the table", () => step(1));
  frame.key("k", "square before", () => step(-1));
  frame.key("f", "the whole grid", whole_);
  frame.key("+", "nearer", () => view.zoom(1.6));
  frame.key("-", "farther", () => view.zoom(1 / 1.6));
  frame.key("o", "show or hide the microscope's pictures", togglePictures);
  frame.key("c", "colour by another value", () => chooser.focus());
  frame.key("Escape", "choose no square, or close the panel", () => { if (processing.hidden) choose(null); else processing.hidden = true; });
  for (const [key, x, y] of [["ArrowLeft", PAN_PX, 0], ["ArrowRight", -PAN_PX, 0], ["ArrowUp", 0, PAN_PX], ["ArrowDown", 0, -PAN_PX]]) frame.key(key, "move the map", () => view.pan(x, y));
  if (frame.mayChange) frame.key("p", "process the chosen squares", process);
  picturesButton.setAttribute("aria-pressed", "true");
  await load();
  showAverages(averages, frame);
}
