// Answers that all browsers share for a while, each asked for again when it is older than a change.

import { ask } from "./rest.js";

/**
 * Return what asks the server and shows its answer: ``now``, and ``soon`` after a change.
 *
 * An answer from before the last change is asked for again when the server has a newer one; until
 * then further changes ask nothing, or each would begin a chain of questions of its own.
 */
export function makeLatest(frame, path, query, show) {
  let timer = null;

  async function now() {
    const answer = await ask(path, query);
    await show(answer);
    clearTimeout(timer);
    timer = null;
    if (answer.event >= frame.lastEvent()) return;
    timer = setTimeout(() => { timer = null; frame.attempt(now()); }, answer.renewed_in_s * 1000 + 100);
  }

  return { now, soon: async () => { if (timer === null) await now(); } };
}
