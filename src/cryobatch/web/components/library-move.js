// Move: images into another group, with what that changes said before.

import { calmly, fill, h, setText } from "./dom.js";
import { count } from "./format.js";
import { ask, order } from "./rest.js";

const none = (value) => value === null ? "not set" : String(value);

/** Show the panel in a side element for some images (ids). */
export async function showMove(side, frame, images) {
  const found = await frame.attempt(ask("/groups"));
  if (!found) return;
  side.hidden = false;
  side.dataset.shows = "move";
  const effect = h("div.told", { "aria-live": "polite" });
  const send = h("button.main", { type: "submit", text: `Move ${count(images.length, "image")}`, disabled: true });
  const name = h("input", { type: "text", list: "groups", maxlength: "120", "aria-label": "Group", placeholder: "a group, or a new name", autocomplete: "off", oninput: () => soon() });
  const form = h("form", { onsubmit: (event) => { event.preventDefault(); move(); } },
    h("label.field", {}, h("span", { text: "To the group" }), name),
    h("datalist", { id: "groups" }, ...Object.entries(found.groups).map(([group, number]) => h("option", { value: group, label: count(number, "image") }))),
    effect, h("div.bar.send", {}, send));
  fill(side, h("div.bar", {}, h("h2", { text: "Move to group" }), h("span.space"), h("button.quiet", { text: "×", "aria-label": "Close", onclick: () => { side.hidden = true; } })),
    h("p.soft", { text: "Folder, parameter file and library move together. An image that a batch runs on stays." }), form);

  async function compare() {
    const group = name.value.trim();
    send.disabled = !group;
    if (!group) return fill(effect);
    try {
      const { differences } = await order("POST", "/groups/compare", { images, group });
      if (group !== name.value.trim()) return undefined;
      const isNew = !(group in found.groups);
      return fill(effect,
        isNew && h("p", { text: "A new group: nothing is set for it yet." }),
        differences.length ? h("p.warn", { text: "▲ Other things hold there; results that they make different become stale:" })
          : !isNew && h("p.soft", { text: "The same facts and parameters hold there." }),
        differences.length > 0 && h("ul", {}, ...differences.map((one) => h("li", {},
          h("code", { text: one.name }), h("span", { text: ` ${none(one.now)} → ${none(one.then)}` }),
          h("span.soft", { text: ` (${count(one.images, "image")} of ${one.group})` })))));
    } catch (error) {
      send.disabled = true;
      return fill(effect, h("p.bad", { role: "alert", text: error.message }));
    }
  }
  const soon = calmly(compare, 250);

  async function move() {
    const group = name.value.trim();
    if (!group || send.disabled) return;
    send.disabled = true;
    const done = await frame.attempt(order("POST", "/groups/move", { images, group }));
    setText(send, `Move ${count(images.length, "image")}`);
    send.disabled = false;
    if (!done) return;
    const number = Object.values(done.moved).reduce((sum, some) => sum + some.length, 0);
    const refused = Object.values(done.refused);
    const more = [done.stale && `${count(done.stale, "image")} with stale results`, refused.length && `${count(refused.length, "image")} stayed: ${refused[0]}`].filter(Boolean);
    const undo = async () => {
      for (const [before, some] of Object.entries(done.moved)) await frame.attempt(order("POST", "/groups/move", { images: some, group: before }));
    };
    frame.say([`${count(number, "image")} moved to ${group}`, ...more].join("; "), { bad: number === 0, action: number > 0 ? { text: "Undo", run: undo } : null });
    if (number) side.hidden = true;
  }
  name.focus();
}
