// The gain reference: the mean of the raw counts beside what the gain makes expect, turned each way.

import { fill, h } from "./dom.js";
import { count } from "./format.js";
import { sureButton } from "./queue.js";
import { ask } from "./rest.js";

const VERDICTS = {
  fits: ["good", "●", "It fits as it is turned."],
  turned: ["bad", "✕", "It is turned wrongly:"],
  foreign: ["bad", "✕", "It fits in no orientation: suspect a reference that was renewed, one of another camera, or frames that are corrected already."],
  undecided: ["warn", "▲", "The counts do not tell: too few electrons, or a reference without a pattern."],
};
const SAID = { fits: "fit", turned: "fit another way", foreign: "fit in no way", undecided: "do not tell" };
const FLIPS = ["", "upside down", "left to right"];

export const nameTurn = ({ rotation, flip }) => [rotation ? `turned ${rotation * 90}°` : "", FLIPS[flip]].filter(Boolean).join(", ") || "as in its file";
const settings = ({ rotation, flip }) => `gain_rotation=${rotation} gain_flip=${flip}`;

/** Fill a panel with the study of the gain reference. */
export async function startGain(panel, frame) {
  const head = h("div.chart-head", {}, h("h2", { text: "Gain reference" }));
  const place = h("div.gain-body", {}, h("p.soft", { text: "The raw frames of some movies are summed and compared with it…" }));
  panel.append(head, place);
  let compared = null;
  let shown = "";

  async function show() {
    const found = await ask("/acquisition/gain");
    const text = JSON.stringify(found);
    if (text === shown) return;
    shown = text;
    draw(found);
  }

  function draw(found) {
    const source = found.gain && h("span.latest.soft", { title: found.gain, text: `${found.gain.split("/").at(-1)}, from ${found.source}` });
    fill(head, h("h2", { text: "Gain reference" }), source);
    if (!found.orientations.some((one) => one.has_picture)) {
      const text = found.problem === "" || !found.movies.length && !found.gain ? "It is weighed against the raw counts when the first movie is there." : found.problem;
      return fill(place, unfinished(found), h(found.gain ? "p.warn" : "p.soft", { text: found.gain ? `▲ ${text}` : text }));
    }
    const configured = found.orientations.find((one) => one.configured);
    const best = found.orientations.find((one) => one.best) ?? configured;
    const other = found.orientations.find((one) => one !== configured && settings(one) === compared) ?? (best === configured ? null : best);
    const version = `${found.movies.length}-${found.movies.at(0) ?? ""}`.slice(0, 60);
    const picture = (name, alt) => h("img", { src: `/api/v1/acquisition/gain/pictures/${name}?version=${encodeURIComponent(version)}`, alt, width: "384", height: "384" });
    const figure = (name, title, note, kind = "") => h("figure", {}, h("div.square", {}, picture(name, title)), h("figcaption", {}, h("strong", { text: title }), h(kind ? `span.${kind}` : "span", { text: note })));
    const turned = (one, title) => figure(`${one.rotation}-${one.flip}`, title, `${nameTurn(one)} · ${score(one, found)}`, one.fit !== null && one.fit >= found.least_fit ? "good" : one.fit === null ? "" : "bad");
    fill(place, unfinished(found, configured), verdict(found, best, configured),
      h("div.gain-pictures", {},
        figure("raw", "Raw counts", `mean of ${count(found.movies.length, "movie")}`),
        configured.has_picture && turned(configured, "Expected, as set"),
        other && turned(other, other.best ? "Expected, best of all" : "Expected, compared")),
      h("div.turns", { role: "group", "aria-label": "Orientations" }, ...found.orientations.filter((one) => one.has_picture).map((one) => tile(one, found, picture))));
    return undefined;
  }

  function tile(one, found, picture) {
    const bar = h("i", { style: { width: `${Math.max(0, Math.min(1, one.fit ?? 0)) * 100}%` } });
    return h("button.turn", { "aria-pressed": String(settings(one) === compared), title: settings(one), onclick: () => { compared = settings(one) === compared ? null : settings(one); draw(found); } },
      picture(`${one.rotation}-${one.flip}`, ""), h("span.turn-name", { text: nameTurn(one) }),
      h("span.progress", {}, bar), h("span.soft", { text: `${one.fit === null ? "–" : plain(one.fit)}${one.best ? " best" : ""}${one.configured ? " · set" : ""}` }));
  }

  function unfinished({ unfinished: to }, configured = null) {
    return to && h("div.bar.gain-verdict", {}, h("span.warn", { text: `▲ Not all images are turned: it was stopped while they were to be ${nameTurn(to)}.` }), h("span.space"),
      frame.mayChange && h("button", { text: "Finish", title: `turn those that are left: ${settings(to)}`, onclick: () => turn(to, configured) }));
  }

  function verdict(found, best, configured) {
    const [kind, mark, text] = VERDICTS[found.verdict] ?? ["warn", "▲", found.problem];
    const lies = found.verdict === "turned";
    const own = Object.entries(found.verdicts).map(([word, number]) => `${number} ${SAID[word] ?? word}`).join(", ");
    return h("div.bar.gain-verdict", {},
      h("span", {}, h(`strong.${kind}`, { text: `${mark} ${text}` }), lies && ` ${nameTurn(best)} (${settings(best)}) fits, ${nameTurn(configured)} does not.`),
      own && h("span.soft", { text: `When the latest movies were unpacked: ${own}.` }), h("span.space"),
      lies && frame.mayChange && sureButton("Turn it so for all images", () => "All images, also those to come?", () => 1, () => turn(best, configured)));
  }

  const plain = (fit) => Math.abs(fit) < 0.005 ? "0.00" : fit.toFixed(2);
  const score = (one, found) => one.fit === null ? "its shape does not fit" : `fit ${plain(one.fit)} ± ${found.error.toFixed(2)}`;

  async function turn(to, before) {
    const done = await frame.attempt(frame.follow("/acquisition/gain/turn", { rotation: to.rotation, flip: to.flip }));
    if (!done) return show();
    frame.say(`The gain is ${nameTurn(to)} for ${count(done.changed, "image")} and those to come; what was made with another is stale.`,
      before ? { action: { text: "Undo", run: () => turn(before, to) } } : {});
    await show();
  }

  frame.on(["images", "settings"], () => frame.attempt(show()), 10_000);
  await show();
}
