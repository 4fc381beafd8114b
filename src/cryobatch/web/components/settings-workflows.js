// Workflows: named sets of scripts, shown in the order in which they will run.

import { calmly, fill, h, setText } from "./dom.js";
import { order } from "./rest.js";

const ROOTS = { movie: "movies", micrograph: "micrographs" };
const NAME = /^[\w-]+$/;

/**
 * Draw the workflows.
 * @param {object} settings as the server describes them
 * @param {object} edits see makeField
 * @param {(workflow: object|null) => void} open shows the editor
 */
export function drawWorkflows(settings, edits, open) {
  const names = workflowNames(settings, edits);
  const titles = new Map(settings.scripts.map((script) => [script.name, script.title]));
  const usual = h("div.usual-workflows", {}, ...Object.entries(ROOTS).map(([root, text]) => {
    const path = ["default_workflows", root];
    const now = edits.get(path) ?? settings.default_workflows[root];
    return h("label", {}, h("span", { text: `For ${text}` }),
      h("select", { "aria-label": `Workflow for ${text}`, disabled: document.body.classList.contains("guest"), onchange: ({ target }) => edits.set(path, target.value === settings.default_workflows[root] ? undefined : target.value) },
        ...names.map((name) => h("option", { value: name, text: name, selected: name === now }))));
  }));
  return [usual, ...names.map((name) => drawWorkflow(settings.workflows.find((one) => one.name === name) ?? { name, own: true, orders: {} }, edits.get(["workflows", name]), titles, open)),
    h("button.changes", { text: "+ Add a workflow", onclick: () => open(null) })];
}

/** The names that there will be when the edits are kept. */
export function workflowNames(settings, edits) {
  const kept = settings.workflows.filter((one) => one.built_in || edits.get(["workflows", one.name]) !== null).map((one) => one.name);
  const added = edits.all().filter(([path, value]) => path[0] === "workflows" && value !== null && !kept.includes(path[1])).map(([path]) => path[1]);
  return [...kept, ...added];
}

function drawWorkflow(one, edit, titles, open) {
  const roots = Object.entries(one.orders).filter(([, plan]) => plan.order);
  const same = roots.length === 2 && roots[0][1].order.join() === roots[1][1].order.join();
  const shown = edit ? [["", { order: edit, added: [] }]] : same ? [["", roots[0][1]]] : roots;
  const problem = !edit && !roots.length && Object.values(one.orders)[0]?.problem;
  const edited = edit !== undefined;
  return h(edited ? "div.workflow.edited" : "div.workflow", {},
    h("div.bar", {}, h("strong", { text: one.name }),
      h(edited || one.own ? "span.source.project" : "span.source", { text: edited ? "changed" : one.own ? "project" : "built in" }),
      h("span.space"), h("button.changes", { text: "Edit", "aria-label": `Edit ${one.name}`, onclick: () => open(one) })),
    problem && h("p.bad", { text: problem }),
    ...shown.map(([root, plan]) => h("div.planned", {}, root && h("span.soft", { text: `of a ${root}` }),
      h("ol.plan", {}, ...plan.order.map((name) => h("li", {}, h("span", { text: titles.get(name) ?? name }), plan.added.includes(name) && h("span.soft", { text: " comes along" })))))));
}

/**
 * Show the editor of a workflow in a side element.
 * @param {HTMLElement} side
 * @param {object|null} one the workflow, null for a new one
 * @param {object} settings
 * @param {object} edits
 * @param {() => void} done is called when it is closed
 */
export function editWorkflow(side, one, settings, edits, done) {
  const path = (name) => ["workflows", name];
  const before = one ? edits.get(path(one.name)) ?? one.scripts ?? [] : [];
  const chosen = new Set(before);
  const name = h("input", { value: one?.name ?? "", "aria-label": "Name of the workflow", disabled: one?.built_in, maxLength: 100, placeholder: "name", oninput: check });
  const wrong = h("p.bad", { role: "alert", hidden: true });
  const plan = h("div.planned");
  let impossible = false;
  const keep = h("button.main", { text: "Take over", onclick: take });
  const remove = h("button.danger", { text: one?.built_in ? "Back to the built-in" : "Remove", hidden: !one || (one.built_in && !one.own), onclick: out });

  fill(side, h("div.bar", {}, h("h2", { text: one ? `Workflow ${one.name}` : "A new workflow" }), h("span.space"), h("button.quiet", { text: "×", "aria-label": "Close", onclick: close })),
    h("label.field", {}, h("span", { text: "Name" }), name),
    h("div.scripts", {}, ...settings.categories.map(drawCategory)), h("h3.soft", { text: "Runs in this order" }), plan, wrong, h("div.bar.send", {}, keep, remove));
  side.hidden = false;

  function drawCategory(category) {
    const some = settings.scripts.filter((script) => script.category === category);
    return some.length > 0 && h("section", {}, h("h3.soft", { text: category }), ...some.map((script) => h("label", { title: script.help },
      h("input", { type: "checkbox", checked: chosen.has(script.name), onchange: ({ target }) => { chosen[target.checked ? "add" : "delete"](script.name); planSoon(); } }),
      h("span", { text: script.title }), h("code.soft", { text: script.name }))));
  }

  function check() {
    const own = name.value.trim();
    const taken = own !== one?.name && workflowNames(settings, edits).includes(own);
    const problem = !own ? "Give it a name." : !NAME.test(own) ? "A name has letters, digits, - and _ only." : taken ? `There is a workflow ${own} already.` : !chosen.size ? "Choose a script." : "";
    setText(wrong, problem);
    wrong.hidden = !problem;
    keep.disabled = Boolean(problem) || impossible;
    return !problem;
  }

  async function showPlan() {
    fill(plan);
    check();
    if (!chosen.size) return;
    const titles = new Map(settings.scripts.map((script) => [script.name, script.title]));
    const problems = [];
    for (const [root, text] of Object.entries(ROOTS)) {
      try {
        const { order: names, added, left_out: out } = await order("POST", "/scripts/plan", { scripts: [...chosen], root });
        plan.append(h("span.soft", { text: `${text}` }), h("ol.plan", {}, ...names.map((item) => h("li", {}, h("span", { text: titles.get(item) ?? item }), added.includes(item) && h("span.soft", { text: " comes along" }))),
          ...Object.entries(out).map(([item, why]) => h("li.out.soft", { text: `${item}: ${why}` }))));
      } catch (error) {
        problems.push(`${text}: ${error.message}`);
        plan.append(h("span.soft", { text: problems.at(-1) }));
      }
    }
    impossible = problems.length === 2;
    check();
  }
  const planSoon = calmly(showPlan, 100);

  function take() {
    if (!check()) return;
    const own = name.value.trim();
    // Kept in the order of categories, as they run: the server knows it, and shows it.
    const sorted = settings.scripts.filter((script) => chosen.has(script.name)).map((script) => script.name);
    const inOrder = [...before.filter((item) => chosen.has(item)), ...sorted.filter((item) => !before.includes(item))];
    if (one && own !== one.name) rename(one.name, own);
    edits.set(path(own), inOrder);
    close();
  }

  function rename(old, own) {
    edits.set(path(old), settings.workflows.some((item) => item.name === old) ? null : undefined);
    for (const root of Object.keys(ROOTS)) {
      if ((edits.get(["default_workflows", root]) ?? settings.default_workflows[root]) === old) edits.set(["default_workflows", root], own);
    }
  }

  function out() {
    const used = Object.entries(ROOTS).find(([root]) => (edits.get(["default_workflows", root]) ?? settings.default_workflows[root]) === one.name);
    if (used && !one.built_in) {
      setText(wrong, `It is the workflow for ${used[1]}: choose another one there first.`);
      wrong.hidden = false;
      return;
    }
    edits.set(path(one.name), settings.workflows.some((item) => item.name === one.name) ? null : undefined);
    close();
  }

  function close() {
    side.hidden = true;
    done();
  }
  showPlan();
  name.focus();
}
