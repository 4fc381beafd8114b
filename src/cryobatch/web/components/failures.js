// Failures: by cause, with how often, on which images, what was run, and all of them again.

import { fill, h, imageLink, setText } from "./dom.js";
import { clock, count, duration, whole } from "./format.js";
import { makeLatest } from "./latest.js";
import { ask, order } from "./rest.js";

const LIVE_MS = 2000;
const BEFORE_SCRIPTS = "workflow";

export async function start(main, frame) {
  main.classList.add("fixed");
  const said = h("strong");
  const all = h("button.changes", { text: "Retry all", title: "queue everything anew that has failed", onclick: () => retry(null) });
  const list = h("ul.causes", { "aria-label": "Causes" });
  const side = h("aside.side.panel.account", { hidden: true, "aria-label": "Cause" });
  const empty = h("div.empty", { hidden: true }, h("span.good", { text: "● Nothing has failed that was not made good since." }),
    h("span", {}, "What every processor did is in the ", h("a", { href: "/log", text: "log" }), "."));
  main.append(h("div.bar", {}, said, h("span.space"), all), empty, h("div.with-side", {}, list, side));
  let causes = [];
  let open = new URLSearchParams(location.search).get("cause");
  let shown = "";

  const latest = makeLatest(frame, "/failures", {}, show);

  async function show(answer) {
    causes = answer.causes;
    const failed = count(answer.images, "image");
    setText(said, causes.length ? `${failed} failed for ${count(causes.length, "cause")}` : "No failures");
    all.hidden = list.hidden = !causes.length;
    empty.hidden = Boolean(causes.length);
    drawList();
    const now = causes.find((one) => one.id === open);
    if (!now) close();
    else if (shown !== `${now.id} ${now.count} ${now.last}`) await showCause(now);
  }

  function drawList() {
    fill(list, ...causes.map((one) => h("li", {}, drawCause(one))));
  }

  function drawCause(one) {
    return h("button.cause", { "data-name": one.id, "aria-current": String(one.id === open), onclick: () => choose(one.id) },
      h("span.many", {}, whole(one.images), h("small", { text: one.images === 1 ? "image" : "images" })),
      h("span.said", {}, ...drawPattern(one.pattern)),
      h("span.when", { text: one.count === 1 ? clock(one.last) : `${clock(one.first)} – ${clock(one.last)}` }),
      h("span.script", {}, h("span.state.failed", { text: one.script === BEFORE_SCRIPTS ? "before the first script" : one.title })));
  }

  async function choose(id) {
    open = id;
    remember();
    drawList();
    list.querySelector(`[data-name="${id}"]`)?.scrollIntoView({ block: "nearest" });
    await frame.attempt(showCause(causes.find((one) => one.id === id)));
  }

  function remember() {
    history.replaceState(null, "", open ? `/failures?cause=${open}` : "/failures");
  }

  function close() {
    if (open) {
      open = null;
      remember();
      drawList();
    }
    shown = "";
    side.hidden = true;
  }

  async function showCause(cause) {
    const answer = await ask(`/failures/${cause.id}`);
    if (open !== cause.id) return; // another one was chosen meanwhile
    shown = `${answer.id} ${answer.count} ${answer.last}`;
    side.hidden = false;
    drawAccount(side, answer, frame, { close, retry: () => retry([answer.id]) });
  }

  async function retry(ids) {
    const done = await frame.attempt(order("POST", "/failures/retry", { causes: ids }));
    if (!done) return;
    const waiting = done.duplicates.length ? `; ${whole(done.duplicates.length)} waited already` : "";
    frame.say(`${count(done.batches.length, "batch")} queued anew${waiting}`, {
      action: done.batches.length ? { text: "Undo", run: () => undo(done.batches) } : null,
    });
    await frame.attempt(latest.now());
  }

  async function undo(ids) {
    const done = await frame.attempt(order("POST", "/queue/remove", { ids }));
    if (!done) return;
    const rest = done.not_there.length ? `; ${count(done.not_there.length, "batch")} had begun` : "";
    frame.say(`${count(done.cancelled.length, "batch")} taken out${rest}`);
    await frame.attempt(latest.now());
  }

  function step(by) {
    if (!causes.length) return;
    const place = causes.findIndex((one) => one.id === open);
    choose(causes[Math.min(Math.max(place + by, 0), causes.length - 1)].id);
  }

  frame.on(["queue", "log", "settings"], () => frame.attempt(latest.soon()), LIVE_MS);
  frame.key("j", "next cause", () => step(1));
  frame.key("k", "cause before", () => step(-1));
  frame.key("Escape", "close the cause", close);
  if (frame.mayChange) frame.key("r", "retry all images of the chosen cause", () => (open ? retry([open]) : frame.say("Choose a cause first: j, or a click.", { bad: true })));
  await frame.attempt(latest.now());
  if (!open && causes.length && innerWidth > 900) await choose(causes[0].id);
}

/** The message, with what differs from image to image marked as such. */
export function drawPattern(pattern) {
  return pattern.split(/([…#])/).filter(Boolean).map((piece) => {
    if (piece === "…") return h("span.stands-for", { text: "…", title: "a name" });
    if (piece === "#") return h("span.stands-for", { text: "#", title: "a number" });
    return h("span", { text: piece });
  });
}

function drawAccount(side, cause, frame, { close, retry }) {
  const { account, latest } = cause;
  const log = new URLSearchParams({ level: "error", still: "1" });
  if (cause.script !== BEFORE_SCRIPTS) log.set("script", cause.script);
  if (cause.words.length > 2) log.set("text", cause.words);
  const ids = [...new Set(cause.failed.map((one) => one.image_id))];
  const where = ids.length === cause.images ? `id in (${ids.join(", ")},)` : 'state == "failed"';
  const fact = (name, ...shown) => [h("dt", { text: name }), h("dd", {}, ...shown)];
  const processor = account.attempted?.processor;
  fill(side,
    h("div.bar", {}, h("h2", { text: cause.title }), h("span.space"),
      h("button.quiet", { text: "×", "aria-label": "Close", onclick: close })),
    h("p", {}, ...drawPattern(cause.pattern)),
    h("div.bar.links", {}, h("button.main.changes", { text: `Retry ${cause.count === 1 ? "it" : `all ${whole(cause.count)}`}`, title: "queue these batches anew (r)", onclick: retry }),
      h("a", { href: `/log?${log}`, text: "In the log" }), h("a", { href: `/library?${new URLSearchParams({ where })}`, text: "In the library" })),
    h("h3", { text: "The latest" }),
    h("dl", {}, ...fact("image", imageLink(latest.image_id, latest.image)), ...fact("said", latest.text),
      ...fact("ended", `${clock(latest.time)}, ${duration(Math.max(0, Date.now() / 1000 - latest.time))} ago`),
      ...(processor ? fact("worked on by", `${processor}, batch ${latest.batch}`) : []),
      ...(account.program ? fact("what was run", h("span", { text: account.program })) : [])),
    h("h3", { text: "The same again, by hand" }),
    drawCommand(account.again, frame),
    h("h3", { text: account.output ? `Last lines of ${account.log}` : "It wrote no output" }),
    account.output && drawOutput(account.output),
    h("h3", { text: cause.failed.length < cause.count ? `The latest ${whole(cause.failed.length)} of ${whole(cause.count)}` : "All of them" }),
    h("ul.failed-images", {}, ...cause.failed.map((one) => h("li", {}, imageLink(one.image_id, one.image), h("span.soft", { text: clock(one.time) }),
      h("span.text", { text: one.text })))));
}

function drawCommand(text, frame) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      frame.say("Copied");
    } catch {
      frame.say("This browser does not let pages copy: mark the text.", { bad: true });
    }
  };
  return h("div.copied", {}, h("pre.output", { text, tabindex: "0", role: "region", "aria-label": "Command" }), h("button", { text: "Copy", onclick: copy }));
}

function drawOutput(text) {
  const output = h("pre.output", { text, tabindex: "0", role: "region", "aria-label": "Output" });
  requestAnimationFrame(() => { output.scrollTop = output.scrollHeight; });
  return output;
}
