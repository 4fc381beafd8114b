// Changes, as a page hears of them: those that it missed while it was away come first.

import { numberOf, openStream } from "./stream.js";

const HIDDEN_MS = 60_000;

/**
 * Listen for changes.
 * @param {string} first id of the last event that the page knows of
 * @param {(change: {topics: string[], images: number[]|null, log: number}|null, number: number) =>
 *   void} hear gets each change with its number, or null when some were missed: then everything is
 *   asked for anew
 * @param {(live: boolean) => void} show is told whether the connection stands
 */
export function listen(first, hear, show) {
  let last = first;
  let leave = null;
  let timer = null;

  function tell({ kind, id, data }) {
    if (kind === "live" || kind === "lost") {
      show(kind === "live");
      return;
    }
    last = id;
    hear(kind === "change" ? JSON.parse(data) : null, numberOf(id));
  }

  function join() {
    if (leave === null) leave = share(last, tell) ?? openStream(last, tell);
  }

  function part() {
    clearTimeout(timer);
    leave?.();
    leave = null;
  }

  // A page that nobody sees costs nothing; when it is seen again it hears what it has missed.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(part, HIDDEN_MS);
    else join();
  });
  addEventListener("pagehide", part);
  addEventListener("pageshow", join);
  join();
}

/** Listen together with the other pages of this browser; null where that cannot be done. */
function share(after, tell) {
  if (typeof SharedWorker === "undefined") return null;
  const worker = new SharedWorker("/components/shared-stream.js", { type: "module" });
  let alone = null;
  let left = false;
  worker.onerror = () => { if (!left) alone ??= openStream(after, tell); };
  worker.port.onmessage = ({ data }) => { if (!left) tell(data); };
  worker.port.postMessage({ after });
  return () => {
    left = true;
    worker.port.postMessage({ after: null });
    worker.port.close();
    alone?.();
  };
}
