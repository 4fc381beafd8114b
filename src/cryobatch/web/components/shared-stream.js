// A shared worker: one event stream for all pages of this browser.
// A browser has six connections for a server. A stream for each page would leave none for the
// seventh, which would then wait for ever.

import { numberOf, openStream } from "./stream.js";

const KEPT = 500;
const ports = new Set();
let kept = [];
let complete = 0; // every change after this number is kept
let state = { kind: "lost" };
let last = "";
let close = null;

function tell(news) {
  if (news.kind === "live" || news.kind === "lost") state = news;
  else last = news.id;
  if (news.kind === "reset") {
    kept = [];
    complete = numberOf(news.id);
  } else if (news.kind === "change") {
    kept.push(news);
    if (kept.length > KEPT) complete = numberOf(kept.shift().id);
  }
  for (const port of ports) port.postMessage(news);
}

function join(port, after) {
  ports.add(port);
  if (close === null) {
    [kept, last, complete] = [[], after, numberOf(after)];
    close = openStream(after, tell);
    return;
  }
  port.postMessage(state);
  if (numberOf(after) < complete) port.postMessage({ kind: "reset", id: last });
  else for (const news of kept) if (numberOf(news.id) > numberOf(after)) port.postMessage(news);
}

function leave(port) {
  ports.delete(port);
  if (ports.size || close === null) return;
  close();
  close = null;
}

addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data }) => (data.after === null ? leave(port) : join(port, data.after));
});
