// How a project that has no images yet comes to some.

import { h } from "./dom.js";

/** What to do next, in words; who may only look is told of no page that they cannot use. */
export function sayHowToBegin(frame) {
  return h("span", {}, "Watch the folder that the microscope writes to: ",
    ...(frame.mayChange ? ["add it on the ", h("a", { href: "/import", text: "Import page" }), ", or type "] : []),
    h("code", { text: "cryobatch watch add FOLDER" }));
}
