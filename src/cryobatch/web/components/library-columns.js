// The library's columns: what each shows, which are shown, and the panel that chooses.

import { fill, h, imageHref } from "./dom.js";
import { brief, clock, whole } from "./format.js";

const KEPT = "cryobatch-library-columns";
const FIRST = [
  "picture", "name", "state", "flag", "stale", "ctf_resolution", "defocus_u", "astigmatism", "drift_range", "ice_ring",
  "particle_count", "quality_reasons", "comment", "recorded_at",
];
const LABELS = {
  picture: "Picture", name: "Image", group: "Group", state: "State", flag: "Flag", stale: "Stale", comment: "Comment", id: "Id",
  recorded_at: "Recorded", imported_at: "Imported", frames: "Frames", root_product: "Kind",
};
const WIDTHS = { picture: 74, name: innerWidth < 640 ? 150 : 244, group: 150, state: 108, flag: 92, stale: 110, comment: 180, id: 80, recorded_at: 128, imported_at: 128, frames: 86, root_product: 110 };
const LETTERS = innerWidth < 640 ? 15 : 28;
const FLAG_MARKS = { green: "● green", amber: "▲ amber", red: "✕ red" };

/** "ctf_resolution" -> "CTF resolution". */
export const label = (name) => LABELS[name] ?? (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ").replace(/^Ctf\b/, "CTF").replace(/^Defocus ([uv])$/, (_, one) => `Defocus ${one.toUpperCase()}`);

/** A link to an image by what tells its name from the others. */
function nameCell({ data }) {
  return h("a.image-name", { href: imageHref(data.id), title: `${data.group}/${data.name}`, tabindex: "-1" }, h("bdi", { text: brief(data.name, LETTERS) }));
}

function pictureCell({ data, value }) {
  if (!value) return h("span.no-picture", { "aria-hidden": "true", text: "·" });
  const image = h("img.tiny", {
    src: `/api/v1/images/${data.id}/pictures/micrograph?size=96&version=${encodeURIComponent(value)}`,
    alt: "", width: "40", height: "40", loading: "lazy", onerror: () => image.remove(),
  });
  return image;
}

const CELLS = {
  picture: { cellRenderer: pictureCell, sortable: false, resizable: false, valueGetter: ({ data }) => data.pictured_at ?? (data.has_results ? "before" : null) },
  name: { cellRenderer: nameCell, minWidth: 120 },
  state: { cellRenderer: ({ value }) => value ? h(`span.state.${value}`, { text: value }) : h("span.soft", { text: "–" }) },
  flag: { cellRenderer: ({ value }) => value ? h(`span.flag.${value}`, { text: FLAG_MARKS[value] ?? value }) : "" },
  stale: { valueGetter: ({ data }) => data.stale.length, cellRenderer: ({ data }) => data.stale.length ? h("span.warn", { text: `↻ ${data.stale.length === 1 ? data.stale[0] : `${data.stale.length} scripts`}`, title: data.stale.join(", ") }) : "" },
  recorded_at: { valueFormatter: ({ value }) => value ? clock(Date.parse(value) / 1000) : "–" },
  imported_at: { valueFormatter: ({ value }) => value ? clock(Date.parse(value) / 1000) : "–" },
};

/** Three digits, zeros at the end too: figures of a column stand below each other. */
function figure(value, kind) {
  const size = Math.abs(value);
  if (kind === "int" || size >= 1000) return whole(value);
  return value === 0 ? "0" : size < 0.001 ? value.toExponential(1) : value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4);
}

function valueColumn(name, { unit, kind, help, script }) {
  const isNumber = kind !== "text";
  return {
    colId: name, field: name, headerName: unit ? `${label(name)} (${unit})` : label(name), headerTooltip: `${name}: ${help}`.replace(/: $/, ""),
    width: isNumber ? 112 : 170, type: isNumber ? "rightAligned" : undefined,
    valueFormatter: ({ value }) => value === null || value === undefined ? "–" : isNumber ? figure(value, kind) : String(value),
    cellClassRules: { "is-stale": ({ data }) => data.stale.includes(script) },
    tooltipValueGetter: ({ value, data }) => data.stale.includes(script) ? `${value ?? "none"} ${unit} – stale: ${script} would give another now` : undefined,
  };
}

/** Return AG Grid's columns, and what keeps which are shown, how wide, sorted and in which order. */
export function makeColumns(fields) {
  const own = Object.keys(LABELS).map((name) => ({
    colId: name, field: name, headerName: LABELS[name], width: WIDTHS[name], ...CELLS[name],
  }));
  const values = Object.entries(fields.values).map(([name, value]) => valueColumn(name, value));
  const all = [...own, ...values];
  const rank = (name) => FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length;
  all.sort((a, b) => rank(a.colId) - rank(b.colId));
  const builtin = FIRST.some((name) => name in fields.values);
  for (const column of all) column.initialHide = !(FIRST.includes(column.colId) || (!builtin && column.colId in fields.values));
  const kept = read();
  return { columns: all, initial: { state: kept ?? undefined, keep } };
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

function keep({ columnOrder, columnSizing, columnVisibility, sort }) {
  try {
    localStorage.setItem(KEPT, JSON.stringify({ columnOrder, columnSizing, columnVisibility, sort, partialColumnState: true }));
  } catch {
    // Then the columns are as they were when the page is opened again.
  }
}

/** Show the panel that chooses columns; insert(name) puts a field's name into the filter. */
export function showColumns(side, grid, fields, insert) {
  side.hidden = false;
  side.dataset.shows = "columns";
  const line = (column) => {
    const name = column.getColId();
    const value = fields.values[name];
    return h("li", {},
      h("label", { title: value?.help ?? "" },
        h("input", { type: "checkbox", checked: column.isVisible(), onchange: (event) => grid.setColumnsVisible([name], event.target.checked) }),
        h("span", { text: label(name) }), h("span.soft", { text: value?.unit ?? "" })),
      name !== "picture" && h("button.quiet", { text: name, title: "put it into the filter", onclick: () => insert(name) }));
  };
  const columns = grid.getColumns().filter((column) => column.getColId() in fields.values || column.getColId() in LABELS);
  const groups = Map.groupBy ? Map.groupBy(columns, groupOf) : columns.reduce((found, one) => found.set(groupOf(one), [...(found.get(groupOf(one)) ?? []), one]), new Map());
  function groupOf(column) {
    return fields.values[column.getColId()]?.script ?? "image";
  }
  fill(side,
    h("div.bar", {}, h("h2", { text: "Columns" }), h("span.space"),
      h("button.quiet", { text: "As at first", onclick: () => { grid.resetColumnState(); showColumns(side, grid, fields, insert); } }),
      h("button.quiet", { text: "×", "aria-label": "Close", onclick: () => { side.hidden = true; } })),
    h("p.soft", { text: "Drag a column's head to another place. Click a name to filter by it." }),
    ...[...groups].map(([script, some]) => h("section", {}, h("h3.soft", { text: script }), h("ul.columns", {}, ...some.map(line)))));
}
