// Numbers and times as a person reads them, each with its unit.

const SPACE = "\u202f";

/** 12345 -> "12 345". */
export function whole(number) {
  if (number === null || number === undefined) return "–";
  return Math.round(number).toString().replace(/\B(?=(\d{3})+(?!\d))/g, SPACE);
}

/** About three digits, without an exponent where that is readable. */
export function short(number) {
  if (number === null || number === undefined || !Number.isFinite(number)) return "–";
  const size = Math.abs(number);
  if (size >= 1000) return whole(number);
  if (size >= 100) return number.toFixed(0);
  const text = size >= 10 ? number.toFixed(1) : number.toPrecision(3);
  return size === 0 ? "0" : text.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** A number with its unit; "–" when there is none. */
export function measure(number, unit) {
  const text = short(number);
  return text === "–" || !unit ? text : `${text}${SPACE}${unit}`;
}

/** A span of time in its two largest units. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const s = Math.max(0, seconds);
  if (s < 10 && !Number.isInteger(s)) return `${s.toFixed(1)}${SPACE}s`;
  if (s < 120) return `${Math.round(s)}${SPACE}s`;
  const minutes = Math.round(s / 60);
  if (minutes < 120) return `${minutes}${SPACE}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}${SPACE}h ${minutes % 60}${SPACE}min`;
  return `${Math.floor(hours / 24)}${SPACE}d ${hours % 24}${SPACE}h`;
}

const two = (number) => String(number).padStart(2, "0");

/** Time of the day in 24 hours; with the day in front when it is not today. */
export function clock(seconds, { withSeconds = true } = {}) {
  if (seconds === null || seconds === undefined) return "–";
  const moment = new Date(seconds * 1000);
  const time = `${two(moment.getHours())}:${two(moment.getMinutes())}`;
  const full = withSeconds ? `${time}:${two(moment.getSeconds())}` : time;
  const today = new Date().toDateString() === moment.toDateString();
  return today ? full : `${two(moment.getMonth() + 1)}-${two(moment.getDate())} ${full}`;
}

/** Bytes in a unit of a thousand. */
export function bytes(number) {
  if (number === null || number === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let place = 0;
  let size = number;
  while (size >= 1000 && place < units.length - 1) {
    size /= 1000;
    place += 1;
  }
  return measure(size, units[place]);
}

/** "1 image", "2 images". */
export const count = (number, noun) => `${whole(number)} ${noun}${number === 1 ? "" : /(s|x|ch|sh)$/.test(noun) ? "es" : "s"}`;

/** A recording's name without what every name of a session ends with, and without its middle. */
export function brief(name, letters = 24) {
  const own = name.replace(/_(fractions|eer)$/i, "").replace(/^FoilHole_/, "");
  if (own.length <= letters) return own;
  const half = Math.floor((letters - 1) / 2);
  return `${own.slice(0, half)}…${own.slice(-half)}`;
}
