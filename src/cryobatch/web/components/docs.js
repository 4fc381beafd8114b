// API: what programs can ask for, drawn from the server's own OpenAPI description.

import { h } from "./dom.js";
import { ask } from "./rest.js";

export async function start(main) {
  const api = await ask("/openapi.json");
  const entries = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, what]) => drawRoute(api, path, method, what)));
  main.append(h("div.docs", {},
    h("h1", { text: `${api.info.title} ${api.info.version}: API` }),
    h("p", {}, "Send the token as ", h("code", { text: "Authorization: Bearer TOKEN" }),
      "; errors are ", h("code", { text: '{"error": "what, where and what to do"}' }), ". For programs: ",
      h("a", { href: "/api/v1/openapi.json", text: "openapi.json" }), "."),
    ...entries));
}

function drawRoute(api, path, method, what) {
  const body = what.requestBody?.content?.["application/json"]?.schema;
  const fields = body ? Object.entries(resolve(api, body).properties ?? {}) : [];
  const required = body ? resolve(api, body).required ?? [] : [];
  const rows = [
    ...(what.parameters ?? []).map((one) => [one.name, one.in, one.required, one.schema, one.description]),
    ...fields.map(([name, schema]) => [name, "body", required.includes(name), schema, schema.description]),
  ];
  return h("details.panel", {},
    h("summary", {}, h("span.method", { text: method.toUpperCase() }), h("code", { text: path }), h("span.soft.what", {}, ...withCode(what.description))),
    rows.length > 0 && h("table", {}, h("tbody", {}, ...rows.map(([name, where, needed, schema, text]) => h("tr", {},
      h("th", {}, h("code", { text: name })), h("td", { text: where + (needed ? ", needed" : "") }),
      h("td", { text: describe(api, schema) }), h("td", {}, ...withCode(text)))))));
}

/** A text in which what stands between backquotes is code. */
const withCode = (text = "") => text.split(/`+/).map((part, place) => place % 2 ? h("code", { text: part }) : part);

const resolve = (api, schema) => schema.$ref ? api.components.schemas[schema.$ref.split("/").at(-1)] : schema;

function describe(api, given) {
  const schema = resolve(api, given);
  if (schema.anyOf) return schema.anyOf.map((one) => describe(api, one)).filter((one) => one !== "null").join(" or ");
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.type === "array") return `list of ${describe(api, schema.items ?? {})}`;
  const low = schema.minimum ?? schema.exclusiveMinimum;
  return [schema.type ?? "", low === undefined ? "" : `from ${low}`, given.default === undefined ? "" : `default ${JSON.stringify(given.default)}`].filter(Boolean).join(", ");
}
