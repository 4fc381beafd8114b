// Ranges of values at the end of an expression: what a person drags becomes words, and back.

const NUMBER = String.raw`-?\d+(?:\.\d+)?(?:e[-+]?\d+)?`;
const TERM = new RegExp(
  String.raw`(?:^|\s+and\s+)(?:(?<low>${NUMBER})\s*<=\s*(?<field>[A-Za-z_]\w*)\s*<=\s*(?<high>${NUMBER})`
  + String.raw`|(?<above>[A-Za-z_]\w*)\s*>=\s*(?<least>${NUMBER})|(?<below>[A-Za-z_]\w*)\s*<=\s*(?<most>${NUMBER}))\s*$`, "i");

const number = (text) => text === undefined ? null : Number(text);

/** Whether "or" stands outside of parentheses: then a term at the end does not hold for all of it. */
function isOpen(text) {
  let depth = 0;
  for (const [word] of text.matchAll(/"[^"]*"|'[^']*'|[()]|\bor\b/gi)) {
    if (word === "(") depth += 1;
    else if (word === ")") depth -= 1;
    else if (depth === 0 && word.toLowerCase() === "or") return true;
  }
  return false;
}

/**
 * Read the ranges at the end of an expression.
 * @param {string} where
 * @returns {{base: string, ranges: Map<string, {low: number|null, high: number|null}>}}
 */
export function readRanges(where) {
  const ranges = new Map();
  let base = where.trim();
  for (let found = base.match(TERM); found; found = base.match(TERM)) {
    const { low, field, high, above, least, below, most } = found.groups;
    const name = field ?? above ?? below;
    if (ranges.has(name)) break;
    ranges.set(name, { low: number(low ?? least), high: number(high ?? most) });
    base = base.slice(0, found.index).trim();
  }
  if (isOpen(base)) return { base: where.trim(), ranges: new Map() };
  return { base, ranges: new Map([...ranges].reverse()) };
}

function say(name, { low, high }) {
  if (low !== null && high !== null) return `${low} <= ${name} <= ${high}`;
  return low !== null ? `${name} >= ${low}` : `${name} <= ${high}`;
}

/** Return an expression with another range of a field; without one when both ends are null. */
export function withRange(where, name, low, high) {
  const { base, ranges } = readRanges(where);
  if (low === null && high === null) ranges.delete(name);
  else ranges.set(name, { low, high });
  const terms = [...ranges].map(([field, range]) => say(field, range));
  if (!terms.length) return base;
  const first = base && isOpen(base) ? `(${base})` : base;
  return [first, ...terms].filter(Boolean).join(" and ");
}
