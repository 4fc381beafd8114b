// The field for a filter, and what the server says of an expression that it refuses.

import { h, setText } from "./dom.js";

const TYPED_MS = 300;

/**
 * Make the field.
 * @param {string} text what stands in it
 * @param {(text: string) => void} tell gets what a person has typed when they pause
 */
export function makeFilter(text, tell) {
  let timer = null;
  const wrong = h("div.filter-error", { role: "alert", hidden: true });
  const field = h("input.filter", {
    type: "search", value: text, spellcheck: "false", "aria-label": "Filter",
    placeholder: 'Filter: ctf_resolution < 4 and flag != "red"',
    oninput() { clearTimeout(timer); timer = setTimeout(() => tell(field.value), TYPED_MS); },
  });

  /** What is refused is said below the field; null: nothing. */
  function tellWrong(error) {
    setText(wrong, error?.message ?? "");
    wrong.hidden = error === null;
    if (error) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  /** Put an expression in, wherever it comes from; what is still being typed gives way. */
  function typed(expression) {
    clearTimeout(timer);
    const where = expression.trim();
    if (field.value.trim() !== where) field.value = where;
    return where;
  }

  return { field, wrong, tellWrong, typed };
}
