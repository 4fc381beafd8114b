// Session averages beside the map: what all images share is the camera's, not the specimen's.

import { fill, h } from "./dom.js";
import { count, whole } from "./format.js";
import { ask } from "./rest.js";

const BUSY_MS = 3000;
const CHANGED_MS = 60_000;
const STAGES = {
  raw: { title: "Raw sums", about: "as the camera wrote them, before the gain reference" },
  corrected: { title: "Corrected micrographs", about: "after gain reference and drift correction" },
};
const PICTURES = {
  mean: ["Mean", "stripes, blocks and lines belong to the camera; a slope to the beam"],
  variance: ["Variance", "dark: pixels that do not count; bright: noisy ones"],
  spectrum: ["Spectrum", "a cross or spots are rows and columns that repeat"],
};
const MARKS = { good: "●", warn: "▲" };

/** Fill the panel; it asks again while images are averaged, and when some have changed. */
export function showAverages(element, frame) {
  let drawn = null;
  let timer = null;

  async function load() {
    timer = null;
    const found = await frame.attempt(ask("/averages"));
    if (!found) return;
    const now = JSON.stringify(found);
    if (now !== drawn) draw(found);
    drawn = now;
    if (found.busy && !document.hidden) again(BUSY_MS);
  }

  function again(wait_ms) {
    if (timer === null) timer = setTimeout(load, wait_ms);
  }

  function draw({ stages, busy }) {
    const known = Object.values(stages).some((one) => one.version);
    fill(element,
      h("div.head", {}, h("h2", { text: "Session averages" }), h("span.soft", { text: "What all images have in common is the camera's, not the specimen's: the best check of gain and camera." }),
        busy && h("span.soft", { role: "status", text: "▶ averaging…" })),
      known || busy
        ? h("div.kinds", {}, ...Object.entries(stages).map(([name, one]) => drawStage(name, one, busy)))
        : h("p.soft", { text: "Nothing to average yet: recordings that can be read, and micrographs that were corrected, come here by themselves." }));
  }

  function drawStage(name, one, busy) {
    const { title, about } = STAGES[name];
    const said = one.version
      ? [h(`span.${one.level || "soft"}`, { "aria-hidden": "true", text: MARKS[one.level] ?? "○" }), ` ${one.text}`]
      : [busy ? "None yet." : name === "raw" ? "No recording of this project can be read now." : "No image has been corrected yet."];
    return h("section", { "aria-label": title },
      h("h3", {}, title, h("span.soft", { text: one.version ? ` · ${whole(one.images)} of ${count(one.of, "image")}` : "" })),
      h("p.soft", { text: about }),
      h("div.pictures", {}, ...Object.entries(PICTURES).map(([picture, [label, means]]) => {
        const address = `/api/v1/averages/${name}/${picture}?version=${one.version}`;
        return h("figure", {},
          one.version
            ? h("a", { href: address, target: "_blank", title: `${means}; click for the whole picture` }, h("img", { src: address, alt: `${label} of ${title.toLowerCase()}` }))
            : h("div.none", { text: "–" }),
          h("figcaption", { text: `${label}: ${means}` }));
      })),
      h("p", {}, ...said));
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && drawn?.includes('"busy":true')) again(0); });
  frame.on(["images"], () => again(0), CHANGED_MS);
  return load();
}
