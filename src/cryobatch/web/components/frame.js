// The frame around every page: events, keys, theme, messages; then the page's own module.
//
// A page's module exports start(main, frame). frame has
//   mayChange                  whether this browser may change anything
//   nonce                      for libraries that add styles
//   on(topics, run, wait_ms)   runs on changes of these topics, at most every wait_ms; run gets
//                              nothing: the server owns the state, so ask it
//   onChange(run)              gets every change itself, null when some were missed
//   lastEvent()                number of the last change that was heard of
//   key(name, help, run)       a key of this page
//   say(text, options)         a short message; options: {bad, action: {text, run}}
//   follow(path, body)         orders what takes long; shows how far it is, resolves to its result
//   attempt(promise)           says it when the promise fails; returns its result or undefined

import { calmly, h } from "./dom.js";
import { listen } from "./events.js";
import { followJobs } from "./jobs.js";
import { whenReleased } from "./press.js";

const { module, nonce, event, right } = document.body.dataset;
const SHOWN_MS = 7000;
const listeners = [];
const keys = new Map();
let heard = Number(event.split("-")[1]);

const frame = {
  mayChange: right === "change",
  nonce,
  on(topics, run, wait_ms = 1000) {
    const soon = calmly(() => whenReleased(run), wait_ms);
    listeners.push((change) => {
      if (change === null || topics.some((topic) => change.topics.includes(topic))) soon();
    });
  },
  onChange(run) {
    listeners.push(run);
  },
  lastEvent: () => heard,
  key(name, help, run) {
    keys.set(name, { help, run });
  },
  say,
  async attempt(promise) {
    try {
      return await promise;
    } catch (error) {
      say(error.message, { bad: true });
      return undefined;
    }
  },
};

frame.follow = followJobs(frame);

function say(text, { bad = false, action = null } = {}) {
  const close = () => toast.remove();
  const toast = h("div.toast", { role: bad ? "alert" : null },
    h("span", { "aria-hidden": "true", text: bad ? "✕" : "✓" }),
    h("span", { text }),
    action && h("button", { text: action.text, onclick: () => { close(); action.run(); } }),
    h("button.quiet", { text: "×", "aria-label": "Close", onclick: close }));
  toast.classList.toggle("bad", bad);
  document.getElementById("toasts").append(toast);
  setTimeout(close, bad ? 2 * SHOWN_MS : SHOWN_MS);
}

function showLive(live) {
  const pulse = document.getElementById("pulse");
  pulse.className = live ? "live" : "lost";
  pulse.textContent = live ? "live" : "connecting…";
  pulse.title = live ? "Changes appear by themselves" : "The server does not answer; trying again";
}

function chooseTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("cryobatch-theme", theme);
  } catch {
    // Then it holds for this page only.
  }
  document.dispatchEvent(new Event("themechange"));
}

function showKeys() {
  const open = document.querySelector("dialog.keys");
  if (open) {
    open.close();
    return;
  }
  const rows = [...keys].map(([name, { help }]) => h("tr", {}, h("th", {}, h("kbd", { text: name })), h("td", { text: help })));
  const dialog = h("dialog.keys", { "aria-label": "Keys", onclose: () => dialog.remove() },
    h("h2", { text: "Keys" }), h("table", {}, h("tbody", {}, ...rows)),
    h("button", { text: "Close", onclick: () => dialog.close() }));
  document.body.append(dialog);
  dialog.showModal();
}

function hear(change, number) {
  heard = number;
  for (const one of listeners) one(change);
}

let leader = -Infinity;

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const after = performance.now() - leader < 1500;
  leader = event.key === "g" ? performance.now() : -Infinity;
  const link = after && document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
  const found = keys.get(event.key);
  if (link) link.click();
  else if (found && !document.querySelector("dialog[open]")) found.run();
  else if (event.key === "?") showKeys();
  else return;
  event.preventDefault();
}

for (const link of document.querySelectorAll("nav a[data-key]")) {
  keys.set(`g ${link.dataset.key}`, { help: link.textContent, run: () => link.click() });
}
keys.set("?", { help: "show or hide these keys", run: showKeys });
document.addEventListener("keydown", press);
document.getElementById("help").addEventListener("click", showKeys);
document.getElementById("theme").addEventListener("click", chooseTheme);
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
document.body.classList.toggle("guest", !frame.mayChange);

// Who goes to another page cuts off what this one was asking for: that is no fault to be told.
let leaving = false;
addEventListener("beforeunload", () => { leaving = true; });
addEventListener("unhandledrejection", (event) => { if (leaving) event.preventDefault(); });

// The page asks for what it shows, and hears of every change since the server made this document.
try {
  const page = await import(`./${module}.js`);
  const started = page.start(document.getElementById("main"), frame);
  listen(event, hear, showLive);
  await started;
  document.body.dataset.started = "yes";
} catch (error) {
  say(error.message, { bad: true });
  throw error;
}
