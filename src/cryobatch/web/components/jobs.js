// Orders that take long: how far they are is shown on every page until they end, also after a reload.

import { h, setText } from "./dom.js";
import { whole } from "./format.js";
import { Refused, ask, order } from "./rest.js";

const NOTED = "cryobatch-jobs";
const LIVE_MS = 300;

/** Jobs that this tab has seen running: their end is told, even when it came while a page loaded. */
function readNoted() {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(NOTED) ?? "[]"));
  } catch {
    return new Map();
  }
}

function describe({ title, done, of }) {
  if (!of) return `${title}…`;
  return done < of ? `${title}: ${whole(done)} of ${whole(of)}` : `${title}: all ${whole(of)}, writing…`;
}

/** Follow the jobs; returns how to order one. */
export function followJobs(frame) {
  const noted = readNoted();
  const waiting = new Map();
  const shown = new Map();
  let asked = 0;
  let answered = 0;

  function note(id, title) {
    if (title === null ? !noted.delete(id) : noted.has(id)) return;
    if (title !== null) noted.set(id, title);
    try {
      sessionStorage.setItem(NOTED, JSON.stringify([...noted]));
    } catch {
      // Then its end is told on this page only.
    }
  }

  function show(job) {
    note(job.id, job.title);
    if (!shown.has(job.id)) shown.set(job.id, draw(job));
    const { text, bar, toast } = shown.get(job.id);
    setText(text, job.stopping ? `${job.title}: stopping…` : describe(job));
    bar.parentElement.classList.toggle("unknown", !job.of);
    bar.parentElement.setAttribute("aria-valuenow", String(job.of ? Math.floor((100 * job.done) / job.of) : 0));
    bar.style.width = job.of ? `${(100 * job.done) / job.of}%` : "";
    if (!toast.isConnected) document.getElementById("toasts").append(toast);
  }

  function draw(job) {
    const text = h("span", { text: job.title });
    const bar = h("i");
    const stop = () => frame.attempt(order("POST", `/jobs/${job.id}/stop`)).then(refresh);
    const toast = h("div.toast.job", {}, h("span.busy", { "aria-hidden": "true", text: "▶" }),
      h("div", {}, text, h("div.progress", { role: "progressbar", "aria-label": job.title, "aria-valuemin": "0", "aria-valuemax": "100" }, bar)),
      job.may_stop && h("button.changes", { text: "Stop", title: `stop it: ${job.after_stop}`, onclick: stop }));
    return { text, bar, toast };
  }

  function end(job) {
    shown.get(job.id)?.toast.remove();
    shown.delete(job.id);
    note(job.id, null);
    const asker = waiting.get(job.id);
    waiting.delete(job.id);
    if (job.state === "done") {
      if (asker) asker.resolve(job.result);
      else frame.say(job.result.text);
    } else {
      const error = new Refused(job.state === "stopped" ? `${job.title}: stopped; ${job.after_stop}` : job.error);
      if (asker) asker.reject(error);
      else frame.say(error.message, { bad: true });
    }
  }

  async function refresh() {
    const before = [...noted];
    const mine = ++asked;
    const { jobs } = await ask("/jobs");
    if (mine < answered) return; // a later answer knows more
    answered = mine;
    for (const job of jobs) {
      if (job.state === "running") show(job);
      else if (noted.has(job.id)) end(job);
    }
    for (const [id, title] of before) {
      if (noted.has(id) && !jobs.some((job) => job.id === id)) end({ id, title, state: "failed", error: `${title}: the server has begun anew meanwhile; look whether it is done, and order it again` });
    }
  }

  frame.on(["jobs"], () => frame.attempt(refresh()), LIVE_MS);
  refresh().catch(() => {}); // what began before this page was opened; the next change asks again

  /** Order something that takes long; resolves to its result. */
  return async (path, body) => {
    const job = await order("POST", `${path}?later=true`, body);
    return new Promise((resolve, reject) => {
      waiting.set(job.id, { resolve, reject });
      note(job.id, job.title);
      frame.attempt(refresh());
    });
  };
}
