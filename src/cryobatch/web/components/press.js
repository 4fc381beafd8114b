// What somebody presses, drags or marks stays as it is until they let go: what is drawn anew under a
// finger loses the click, and the drag.

let pressed = false;
const waiting = new Set();

function press({ button }) {
  if (button === 0) pressed = true; // a menu of the browser's own swallows the end of other buttons
}

function release() {
  if (!pressed) return;
  pressed = false;
  // The click comes after its button is up.
  setTimeout(() => {
    if (pressed) return;
    const some = [...waiting];
    waiting.clear();
    for (const run of some) run();
  });
}

addEventListener("pointerdown", press, true);
for (const name of ["pointerup", "pointercancel", "dragend", "blur"]) addEventListener(name, release, true);
addEventListener("pointermove", ({ buttons }) => { if (!buttons) release(); }, true);

/** Run something as soon as nothing is pressed; what waits already waits once. */
export function whenReleased(run) {
  if (pressed) waiting.add(run);
  else run();
}
