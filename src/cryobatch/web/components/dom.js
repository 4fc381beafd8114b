// Elements, built from texts only: no name of a file and no line of a log is ever read as HTML.

/**
 * Return a new element.
 * @param {string} tag such as "div", or "div.panel.wide" with classes
 * @param {object} [given] attributes; "on..." are listeners, "text" is the content
 * @param {...(Node|string|null|undefined|false)} children
 */
export function h(tag, given = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(element.style, value);
    else if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child || child === 0 || child === ""));
  return element;
}

/** Set an element's text where that changes anything: nothing is laid out anew for nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** By what a person knows something again that has been drawn anew. */
const nameOf = (one) => one.dataset.name ?? one.getAttribute("aria-label") ?? one.textContent;

/** Set what an element holds; what had the focus has it again in its new shape. */
export function fill(element, ...children) {
  const active = document.activeElement;
  const held = element.contains(active) && active.matches("button, a, summary, [tabindex]") ? [active.tagName, nameOf(active)] : null;
  element.replaceChildren(...children.filter((child) => child || child === ""));
  if (held) [...element.querySelectorAll(held[0])].find((one) => nameOf(one) === held[1])?.focus({ preventScroll: true });
}

/** Return a function that runs another at most every so many ms, the last call included. */
export function calmly(run, wait_ms) {
  let timer = null;
  let next = 0;
  return () => {
    if (timer !== null) return;
    const now = performance.now();
    timer = setTimeout(() => {
      timer = null;
      next = performance.now() + wait_ms;
      run();
    }, Math.max(0, next - now));
  };
}

/** The address of an image's page. */
export const imageHref = (id) => `/image?id=${id}`;

/** Return a link to an image; a long name loses its middle by the style sheet. */
export const imageLink = (id, name) => h("a", { href: imageHref(id), title: name, text: name });
