// What a person does to many images at once: flag, comment, put aside; each can be undone.

import { h } from "./dom.js";
import { count } from "./format.js";
import { order } from "./rest.js";

export const FLAGS = [
  { flag: "green", mark: "● Green", key: "1" },
  { flag: "amber", mark: "▲ Amber", key: "2" },
  { flag: "red", mark: "✕ Red", key: "3" },
  { flag: null, mark: "None", key: "0" },
];

const ids = (images) => images.map(({ id }) => id);

function someChosen({ frame, chosen }) {
  const images = chosen();
  if (!images.length) frame.say("Select images first: click, shift-click, or the space key.", { bad: true });
  return images;
}

/** A flag that the quality gave was no person's: undone, it is the quality's again. */
const personal = ({ flag, quality }) => flag === quality ? null : flag ?? null;

export async function setFlag(frame, images, flag) {
  const before = new Map();
  for (const image of images) before.set(personal(image), [...(before.get(personal(image)) ?? []), image.id]);
  const done = await frame.attempt(order("POST", "/images/flag", { images: ids(images), flag }));
  if (!done) return;
  const undo = async () => {
    for (const [old, some] of before) await frame.attempt(order("POST", "/images/flag", { images: some, flag: old }));
  };
  frame.say(`${count(done.changed.length, "image")} flagged ${flag ?? "none"}`, { action: { text: "Undo", run: undo } });
}

export async function setTrashed(frame, images, trashed) {
  const done = await frame.attempt(order("POST", "/images/trash", { images, trashed }));
  if (!done) return;
  const undo = () => frame.attempt(order("POST", "/images/trash", { images, trashed: !trashed }));
  frame.say(`${count(images.length, "image")} ${trashed ? "put into the trash" : "taken back"}`, { action: { text: "Undo", run: undo } });
}

/** Ask for a comment; resolves to null when nothing shall change. */
export function askComment(text, title) {
  return new Promise((resolve) => {
    const field = h("textarea", { rows: "4", "aria-label": "Comment", value: text });
    field.value = text;
    let answer = null;
    const dialog = h("dialog.comment", { "aria-label": title, onclose: () => { dialog.remove(); resolve(answer); } },
      h("h2", { text: title }), field,
      h("div.bar", {}, h("span.space"), h("button", { text: "Leave it", onclick: () => dialog.close() }),
        h("button.main", { text: "Keep", onclick: () => { answer = field.value.trim(); dialog.close(); } })));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { answer = field.value.trim(); dialog.close(); }
    });
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
  });
}

export const act = {
  async flag(given, flag) {
    const images = someChosen(given);
    if (images.length) await setFlag(given.frame, images, flag);
  },
  async comment(given) {
    const images = someChosen(given);
    if (!images.length) return;
    const same = images.every(({ comment }) => comment === images[0].comment);
    const text = await askComment(same ? images[0].comment ?? "" : "", `Comment on ${count(images.length, "image")}`);
    if (text === null) return;
    const before = new Map();
    for (const image of images) before.set(image.comment ?? "", [...(before.get(image.comment ?? "") ?? []), image.id]);
    const done = await given.frame.attempt(order("POST", "/images/comment", { images: ids(images), comment: text }));
    const undo = async () => {
      for (const [old, some] of before) await given.frame.attempt(order("POST", "/images/comment", { images: some, comment: old }));
    };
    if (done) given.frame.say(`${count(done.changed.length, "image")} commented`, { action: { text: "Undo", run: undo } });
  },
  async trash(given) {
    const images = someChosen(given);
    if (!images.length) return;
    given.grid.deselectAll();
    await setTrashed(given.frame, ids(images), !given.isTrash());
  },
};
