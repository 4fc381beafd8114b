// What is painted over a micrograph: picks, tracks of its motion, and the scale bar.
// Everything is in pixels of the micrograph, x to the right and y upwards from its lowest row;
// at(x, y) tells where that is on the screen, scale how large one of them is.

import { measure } from "./format.js";

const FONT = "12px system-ui, DejaVu Sans, sans-serif";
const BACK = "rgb(6 9 11 / 74%)";
const TRACK = "#ffb454";
const PICK = "#5adc5a";

/** Circles of the particles' diameter; a small one where nobody knows it. */
export function paintPicks(context, image, at, scale) {
  const { x, y, diameter_angstrom: diameter } = image.picks;
  const known = diameter && image.pixel_size_angstrom;
  const radius = (known ? diameter / image.pixel_size_angstrom / 2 : 0.01 * Math.max(image.columns, image.rows)) * scale;
  context.strokeStyle = PICK;
  context.lineWidth = 1.4;
  context.beginPath();
  for (let one = 0; one < x.length; one += 1) {
    const [px, py] = at(x[one], y[one]);
    context.moveTo(px + radius, py);
    context.arc(px, py, radius, 0, 2 * Math.PI);
  }
  context.stroke();
}

/** How much larger than life tracks are drawn, so that neighbours do not meet: 1, 2 or 5 times ten. */
export function magnification(local, image) {
  const places = Math.round(Math.sqrt(local.x.length));
  const room = 0.7 * Math.min(image.columns, image.rows) / places * image.pixel_size_angstrom;
  const spread = (tracks) => Math.max(...tracks.map((track) => Math.max(...track) - Math.min(...track)));
  const longest = Math.max(spread(local.x_angstrom), spread(local.y_angstrom), 1e-3);
  const power = 10 ** Math.floor(Math.log10(room / longest));
  return [5, 2, 1].map((one) => one * power).find((one) => one <= room / longest) ?? power;
}

/** The motion of the content at each place of a field, magnified; a ring is the first frame. */
export function paintMotion(context, image, at, scale) {
  const { x, y, x_angstrom: along, y_angstrom: up } = image.motion;
  const times = magnification(image.motion, image);
  const step = times / image.pixel_size_angstrom * scale;
  context.lineJoin = context.lineCap = "round";
  for (const [colour, width] of [["rgb(0 0 0 / 60%)", 4.5], [TRACK, 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (let place = 0; place < x.length; place += 1) {
      const [px, py] = at(x[place], y[place]);
      along[place].forEach((_, frame) => {
        const to = [px + (along[place][frame] - along[place][0]) * step, py - (up[place][frame] - up[place][0]) * step];
        context[frame ? "lineTo" : "moveTo"](...to);
      });
      context.moveTo(px + 3.5, py);
      context.arc(px, py, 3.5, 0, 2 * Math.PI);
    }
    context.stroke();
  }
  return `motion × ${measure(times, "")}`;
}

/** A bar of a round length, and beside it what else is to be said. */
export function paintBar(context, image, scale, width, note) {
  if (!image.pixel_size_angstrom) return;
  const goal = Math.min(150, width / 4) / scale * image.pixel_size_angstrom;
  const power = 10 ** Math.floor(Math.log10(goal));
  const length = [5, 2, 1].map((one) => one * power).find((one) => one <= goal);
  const px = length / image.pixel_size_angstrom * scale;
  const text = length >= 10 ? measure(length / 10, "nm") : measure(length, "Å");
  context.font = FONT;
  const more = note ? context.measureText(note).width + 18 : 0;
  context.fillStyle = BACK;
  context.fillRect(8, 8, px + 16 + more, 30);
  context.fillStyle = "#fff";
  context.fillRect(16, 30, px, 3);
  context.fillText(text, 16, 24);
  context.fillStyle = TRACK;
  if (note) context.fillText(note, px + 34, 28);
}
