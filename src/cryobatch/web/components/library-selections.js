// Saved selections: images under a name, the same for everybody; apply, save, rename, remove.

import { fill, h } from "./dom.js";
import { count, whole } from "./format.js";
import { ask, order } from "./rest.js";

/**
 * Show the panel in a side element.
 * @param {object} given {side, frame, chosen(), where(), setWhere(text), choose(ids)}
 */
export async function showSelections(given) {
  const { side, frame } = given;
  side.hidden = false;
  side.dataset.shows = "selections";
  const list = h("ul.saved");
  const name = h("input", { type: "text", maxlength: "80", "aria-label": "Name", placeholder: "name" });
  const what = h("select", { "aria-label": "What is kept" });
  const form = h("form.save.changes", { onsubmit: (event) => { event.preventDefault(); save(); } },
    h("label.field", {}, h("span", { text: "Keep" }), what), h("label.field", {}, h("span", { text: "as" }), name),
    h("button.main", { text: "Save", type: "submit" }));
  fill(side,
    h("div.bar", {}, h("h2", { text: "Selections" }), h("span.space"), h("button.quiet", { text: "×", "aria-label": "Close", onclick: () => { side.hidden = true; } })),
    h("p.soft", { text: "Everybody in the project sees these. On the command line: --images @NAME." }), list, form);
  const close = () => { side.hidden = true; };

  async function save() {
    const text = name.value.trim();
    if (!text) return name.focus();
    const body = what.value === "filter" ? { where: given.where() } : { images: given.chosen().map(({ id }) => id) };
    const done = await frame.attempt(order("POST", "/selections", { name: text, ...body }));
    if (!done) return undefined;
    name.value = "";
    frame.say(`Saved as ${text}`);
    return showAll();
  }

  async function apply(one) {
    if (one.where !== null) await given.setWhere(one.where);
    else given.choose(one.images, one.name);
    if (innerWidth < 900) close();
  }

  async function remove(one) {
    const gone = await frame.attempt(order("POST", "/selections/remove", { name: one.name }));
    if (!gone) return;
    const again = gone.where === null ? { images: gone.images } : { where: gone.where };
    frame.say(`${one.name} is forgotten`, { action: { text: "Undo", run: async () => { await frame.attempt(order("POST", "/selections", { name: one.name, ...again })); showAll(); } } });
    await showAll();
  }

  function rename(one, line) {
    const field = h("input", { type: "text", maxlength: "80", "aria-label": `New name of ${one.name}`, value: one.name });
    let left = false;
    const end = async (keep) => {
      if (left) return;
      left = true;
      const text = field.value.trim();
      if (keep && text && text !== one.name) await frame.attempt(order("POST", "/selections/rename", { name: one.name, new: text }));
      line.remove();
      await showAll();
    };
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") end(true); else if (event.key === "Escape") { event.stopPropagation(); end(false); } });
    field.addEventListener("blur", () => end(true));
    line.replaceChildren(field);
    field.select();
  }

  function draw(one) {
    const line = h("li", {},
      h("button.apply", { title: one.where === null ? "select these images" : "filter by this expression", onclick: () => apply(one) },
        h("strong", { text: one.name }), h("span.soft", { text: one.where ?? count(one.images.length, "image") })),
      h("button.quiet.changes", { text: "✎", title: "rename", "aria-label": `Rename ${one.name}`, onclick: () => rename(one, line) }),
      h("button.quiet.changes", { text: "×", title: "forget", "aria-label": `Forget ${one.name}`, onclick: () => remove(one) }));
    return line;
  }

  function showWhat() {
    const [selected, where] = [given.chosen().length, given.where()];
    fill(what, selected > 0 && h("option", { value: "images", text: `the ${whole(selected)} selected` }), where && h("option", { value: "filter", text: "the filter, also for images to come" }));
    form.hidden = !selected && !where;
  }

  async function showAll() {
    if (side.hidden || side.dataset.shows !== "selections") return;
    const found = await frame.attempt(ask("/selections"));
    if (!found || list.querySelector("input")) return;
    fill(list, ...found.selections.map(draw),
      !found.selections.length && h("li.soft", { text: "None yet. Select images, or filter, and save that here." }));
    showWhat();
  }
  await showAll();
  return { showAll, showWhat };
}
