// A scale of colours for a value: dark blue to bright yellow, by lightness too, with robust limits.

import { whole } from "./format.js";

export const STEPS = 24;
const CLIPPED = 0.02;

/** The colours, dark first: hue and lightness both rise, so that no colour blindness mixes them. */
export const COLOURS = Array.from({ length: STEPS }, (_, step) => {
  const t = step / (STEPS - 1);
  return `oklch(${(0.46 + 0.47 * t).toFixed(3)} ${(0.15 - 0.01 * t).toFixed(3)} ${(285 - 185 * t ** 0.9).toFixed(1)})`;
});

/** Numbers only, sorted. */
const sorted = (values) => Float64Array.from(values.filter((one) => typeof one === "number")).sort();

/** The middle of some numbers, null of none. */
export function median(values) {
  const found = sorted(values);
  return found.length ? (found[(found.length - 1) >> 1] + found[found.length >> 1]) / 2 : null;
}

/**
 * The limits of a scale: without the outermost fiftieth on both sides.
 * @returns {{low: number, high: number, middle: number}|null} null where there is no number
 */
export function findLimits(values) {
  const found = sorted(values);
  if (!found.length) return null;
  const at = (part) => found[Math.min(found.length - 1, Math.floor(part * found.length))];
  const low = at(CLIPPED);
  const high = at(1 - CLIPPED);
  return { low, high: high > low ? high : low + (Math.abs(low) || 1) * 1e-3, middle: at(0.5), least: found[0], most: found.at(-1) };
}

/** The step of a value on the scale, -1 of none. */
export function stepOf(value, limits) {
  if (typeof value !== "number" || !limits) return -1;
  const t = (value - limits.low) / (limits.high - limits.low);
  return Math.min(STEPS - 1, Math.max(0, Math.floor(t * STEPS)));
}

/** The scale as a background, low on the left. */
export const gradient = `linear-gradient(to right, ${COLOURS.join(", ")})`;

/** Three digits, the last zeros too: numbers below each other are read by their columns. */
export function even(number) {
  if (typeof number !== "number") return "–";
  const size = Math.abs(number);
  return size >= 1000 ? whole(number) : size >= 100 || size === 0 ? number.toFixed(0) : number.toPrecision(3);
}
