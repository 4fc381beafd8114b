// Log: a million rows, sorted and filtered by the server, followed live.

import { h, imageHref, setText } from "./dom.js";
import { brief, clock, count, whole } from "./format.js";
import { ask } from "./rest.js";
import { makeTable } from "./table.js";

const LEVELS = { error: "✕ Errors", warning: "▲ Warnings", info: "· Info" };
const TEXTS = [
  { name: "text", hint: "Text", wide: true },
  { name: "image", hint: "Image" },
  { name: "script", hint: "Script" },
  { name: "processor", hint: "Processor" },
  { name: "batch", hint: "Batch", type: "number" },
];
const TYPED_MS = 250;

export async function start(main, frame) {
  main.classList.add("fixed");
  const address = new URLSearchParams(location.search);
  const wanted = Object.fromEntries([...TEXTS.map(({ name }) => name), "image_id"].map((name) => [name, address.get(name) ?? ""]));
  wanted.level = address.getAll("level").filter((level) => level in LEVELS);
  let follows = !address.has("still");
  let newest = 0;
  let known = 0;
  let sorted = { column: "time", descending: true };

  const place = h("div.grid");
  const number = h("strong");
  const follow = h("button", { text: "Follow", title: "show new rows as they come (f)", onclick: () => setFollow(!follows) });
  const fresh = h("button.main", { hidden: true, onclick: () => setFollow(true) });
  const one = h("button", { hidden: !wanted.image_id, text: "× only one image", onclick: () => { wanted.image_id = ""; one.hidden = true; change(); } });
  const levels = Object.entries(LEVELS).map(([level, text]) => h("button", {
    text, "aria-pressed": String(wanted.level.includes(level)),
    onclick(event) {
      const on = !wanted.level.includes(level);
      wanted.level = on ? [...wanted.level, level] : wanted.level.filter((other) => other !== level);
      event.currentTarget.setAttribute("aria-pressed", String(on));
      change();
    },
  }));
  let timer = null;
  const fields = TEXTS.map(({ name, hint, wide, type }) => h("input", {
    type: type ?? "search", placeholder: hint, "aria-label": hint, value: wanted[name],
    style: { flex: wide ? "2 1 130px" : "1 1 80px", maxWidth: wide ? "340px" : "150px" },
    oninput(event) {
      wanted[name] = event.target.value;
      clearTimeout(timer);
      timer = setTimeout(change, TYPED_MS);
    },
  }));
  main.append(
    h("div.bar", {}, number, h("span.group", { role: "group", "aria-label": "Levels" }, ...levels), one, ...fields, h("span.space"), fresh, follow),
    place);

  const table = makeTable(place, frame, columns(), load, {
    onSortChanged: ({ api, source }) => { if (source !== "gridInitializing") api.ensureIndexVisible(0); },
    onBodyScroll: ({ top }) => { if (top > 60 && follows) setFollow(false); },
  });

  async function load(start, end, sort) {
    sorted = sort ?? { column: "time", descending: true };
    // Counting means reading every text where one is looked for: then the end is found by going there.
    const counted = !wanted.text && !start;
    const { rows, total: found, last } = await ask("/log", { ...wanted, sort: sorted.column, descending: sorted.descending, offset: start, limit: end - start, counted });
    if (counted) {
      newest = last;
      known = found;
    }
    const end_ = wanted.text ? found ?? (rows.length < end - start ? start + rows.length : null) : known;
    if (!start) setText(number, end_ === null ? `${whole(end)} rows and more` : count(end_, "row"));
    return { rows, total: end_ };
  }
  function change() {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(wanted)) for (const item of [value].flat()) if (item) search.append(name, item);
    if (!follows) search.set("still", "1");
    history.replaceState(null, "", `${location.pathname}${search.size ? `?${search}` : ""}`);
    table.restart();
  }

  function setFollow(on) {
    follows = on;
    follow.setAttribute("aria-pressed", String(on));
    fresh.hidden = true;
    if (on) {
      table.grid.ensureIndexVisible(0);
      table.refresh();
    }
  }

  frame.onChange((change_) => {
    if (follows || change_ === null || change_.log <= newest) return;
    setText(fresh, `${whole(change_.log - newest)} new rows`);
    fresh.hidden = false;
  });
  frame.on(["log"], () => follows && table.refresh(), 1000);
  frame.key("f", "follow the log, or hold it", () => setFollow(!follows));
  frame.key("/", "look for a text", () => fields[0].focus());
  frame.key("e", "errors only, or all", () => levels[0].click());
  follow.setAttribute("aria-pressed", String(follows));
}

/** A level in a word; on a phone by its mark alone, so that the image has room. */
function levelCell(level, narrow) {
  return h(`span.state.${level}`, narrow ? { role: "img", "aria-label": level, title: level } : { text: level });
}

function columns() {
  const narrow = innerWidth < 640;
  return [
    { headerName: "Time", field: "time", width: narrow ? 88 : 118, sortable: true, sort: "desc", sortingOrder: ["desc", "asc"], valueFormatter: ({ value }) => value ? clock(value) : "" },
    { headerName: "Level", field: "level", width: narrow ? 56 : 104, sortable: true, sortingOrder: ["desc", "asc"], cellRenderer: ({ value }) => value ? levelCell(value, narrow) : "" },
    { headerName: "Processor", field: "processor", context: { from: 760 }, width: 112, sortable: true },
    { headerName: "Image", field: "image", flex: 1.4, minWidth: narrow ? 96 : 130, sortable: true,
      cellRenderer: ({ data }) => data?.image ? h("a", { href: imageHref(data.image_id), title: data.image, text: brief(data.image, narrow ? 10 : 34), tabindex: "-1" }) : "" },
    { headerName: "Script", field: "script", context: { from: 600 }, width: 148, sortable: true },
    { headerName: "Text", field: "text", flex: narrow ? 1.4 : 3, minWidth: 110 },
    { headerName: "Batch", field: "batch", context: { from: 700 }, width: 86, sortable: true, type: "rightAligned" },
  ];
}
