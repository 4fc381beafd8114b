// The order of the library's rows: 100,000 sorted in a fifth of a second, which AG Grid's own way
// takes more than a second for: it asks for both values anew at every comparison.

const KEYS = { stale: (row) => row.stale.length, picture: (row) => row.pictured_at };

const isNothing = (value) => value === null || value === undefined || value === "";

/** Which of two comes first; what an image lacks is last in either direction. */
function compare(a, b, sign) {
  if (a === b) return 0;
  if (isNothing(a)) return isNothing(b) ? 0 : 1;
  if (isNothing(b)) return -1;
  return a < b ? -sign : sign;
}

/** The columns by which a grid is sorted, the first one first. */
export const sortedColumns = (grid) => grid.getColumns()
  .filter((column) => column.getSort())
  .sort((a, b) => (a.getSortIndex() ?? 0) - (b.getSortIndex() ?? 0))
  .map((column) => ({ name: column.getColId(), sign: column.getSort() === "desc" ? -1 : 1 }));

/** Sort AG Grid's nodes in place. */
export function sortNodes(nodes, columns) {
  if (!columns.length) return;
  const keys = columns.map(({ name, sign }) => {
    const read = KEYS[name] ?? ((row) => row[name]);
    return { sign, values: nodes.map(({ data }) => data ? read(data) : null) };
  });
  const order = Uint32Array.from(nodes, (_, place) => place);
  order.sort((a, b) => {
    for (const { values, sign } of keys) {
      const found = compare(values[a], values[b], sign);
      if (found) return found;
    }
    return a - b;
  });
  const before = nodes.slice();
  order.forEach((from, to) => { nodes[to] = before[from]; });
}
