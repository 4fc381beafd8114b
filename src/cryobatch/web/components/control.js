// Control room: what waits, who works on what, and what has just happened, at one glance.

import { h } from "./dom.js";
import { start as startLog } from "./log.js";
import { start as startProcessors } from "./processors.js";
import { start as startQueue } from "./queue.js";

export async function start(main, frame) {
  const part = (name, title) => h(`section.${name}`, { "aria-label": title });
  const queue = part("queue", "Queue");
  const processors = part("processors", "Processors");
  const log = part("log", "Log");
  main.classList.add("fixed");
  main.append(h("div.room", {}, queue, processors, log));
  await Promise.all([startQueue(queue, frame), startProcessors(processors, frame), startLog(log, frame)]);
}
