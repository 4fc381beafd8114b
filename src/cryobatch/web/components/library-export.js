// Export: images for RELION or cryoSPARC, or as a table, into a folder of the project.

import { fill, h, setText } from "./dom.js";
import { count, whole } from "./format.js";

const KINDS = {
  relion: { title: "RELION", help: "movies.star, micrographs_ctf.star, coordinates, particles.star, with optics groups: RELION 3.1 to 5 goes on with it" },
  cryosparc: { title: "cryoSPARC", help: "micrographs in one folder, named by optics group; particles.star; import.txt says what its jobs must be told" },
  table: { title: "Table", help: "values of the images as CSV, TSV or JSON" },
};

const today = () => new Date().toLocaleDateString("sv").replaceAll("-", "");

/**
 * Show the panel in a side element.
 * @param {object} given {side, frame, grid, chosen(), shown(), base()}
 */
export function showExport(given) {
  const { side, frame } = given;
  side.hidden = false;
  side.dataset.shows = "export";
  const selected = given.chosen().map(({ id }) => id);
  const shown = given.shown();
  const want = { kind: "relion", selected: selected.length > 0, links: "relative", format: "csv", every: false, replace: false };
  const name = h("input", { type: "text", maxlength: "80", pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*", "aria-label": "Name", value: `relion-${today()}` });
  const help = h("p.soft");
  const replace = h("label", { hidden: true }, h("input", { type: "checkbox", onchange: ({ target }) => { want.replace = target.checked; } }), h("span", { text: "Replace the earlier export of this name" }));
  const told = h("div.told", { role: "status" });
  const send = h("button.main", { type: "submit" });
  const radio = (key, value, text, title) => h("label", { title },
    h("input", { type: "radio", name: key, checked: want[key] === value, onchange: () => { want[key] = value; show(); } }), h("span", { text }));
  const links = h("fieldset.choices", {}, h("legend.soft", { text: "Links to micrographs" }),
    radio("links", "relative", "relative", "hold when project and export move together"), radio("links", "absolute", "absolute", "hold when the export moves alone"));
  const format = h("fieldset.choices", {}, h("legend.soft", { text: "Format" }), ...["csv", "tsv", "json"].map((one) => radio("format", one, one.toUpperCase())));
  const columns = h("fieldset.choices", {}, h("legend.soft", { text: "Columns" }), radio("every", false, "as shown"), radio("every", true, "all that are filled"));
  const form = h("form.export", { onsubmit: (event) => { event.preventDefault(); run(); } },
    h("fieldset.choices", {}, h("legend.soft", { text: "For" }), ...Object.entries(KINDS).map(([kind, { title, help: text }]) => radio("kind", kind, title, text))), help,
    h("fieldset.choices", {}, h("legend.soft", { text: "Images" }),
      selected.length > 0 && radio("selected", true, `the ${whole(selected.length)} selected`), radio("selected", false, `all that the table shows (${whole(shown.length)})`)),
    links, format, columns,
    h("label.field", { title: "the folder exports/NAME in the project" }, h("span", { text: "Name" }), name), replace, h("div.bar.send", {}, send), told);
  fill(side, h("div.bar", {}, h("h2", { text: "Export" }), h("span.space"), h("button.quiet", { text: "×", "aria-label": "Close", onclick: () => { side.hidden = true; } })), form);

  function show() {
    setText(help, KINDS[want.kind].help);
    links.hidden = want.kind === "table";
    format.hidden = columns.hidden = want.kind !== "table";
    if (/^(relion|cryosparc|table)-\d+$/.test(name.value)) name.value = `${want.kind}-${today()}`;
    const number = want.selected ? selected.length : shown.length;
    setText(send, `Export ${count(number, "image")}`);
    send.disabled = number === 0;
  }

  const isSeen = () => told.isConnected && !side.hidden;

  async function run() {
    if (!form.reportValidity()) return;
    send.disabled = true;
    setText(told, "Writing…");
    const asked = { name: name.value, kind: want.kind, format: want.format };
    const visible = given.grid.getAllDisplayedColumns().map((one) => one.getColId()).filter((one) => one !== "picture" && !one.startsWith("ag-"));
    try {
      const done = await frame.follow("/exports", {
        ...asked, images: want.selected ? selected : shown, links: want.links,
        columns: want.kind === "table" && !want.every ? visible : [], replace: want.replace,
      });
      if (isSeen()) say(done, asked);
      else frame.say(done.text);
    } catch (error) {
      if (!isSeen()) frame.say(error.message, { bad: true });
      fill(told, h("p.bad", { role: "alert", text: error.message }));
      replace.hidden = !/earlier export/.test(error.message);
    }
    send.disabled = false;
  }

  function say(done, { name: made, kind, format: ending }) {
    const some = (title, number, texts) => number > 0 && h("details", {}, h("summary.warn", { text: `▲ ${count(number, "image")} ${title}` }),
      h("ul", {}, ...Object.entries(texts).map(([image, why]) => h("li", { text: `${image}: ${why}` }))));
    fill(told,
      h("p", {}, h("span.good", { text: "✓ " }), h("span", { text: `${count(done.images, "image")} written to ` }), h("code", { text: done.folder })),
      kind === "table" && h("p", {}, h("a", { href: `/api/v1/exports/${encodeURIComponent(made)}/table`, download: "", text: `Download ${made}.${ending}` })),
      some("left out", done.left_out_count, done.left_out), some("without all that could be told", done.lacks_count, done.lacks));
  }
  show();
  form.querySelector("input").focus();
}
