// REST: the one way in which pages ask and order.

export class Refused extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

/**
 * Ask the server.
 * @param {string} path below /api/v1, such as "/queue"
 * @param {object} [query] left out: null, undefined and ""
 */
export async function ask(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") search.append(name, one);
    }
  }
  const text = search.toString();
  return read(await fetch(`/api/v1${path}${text ? `?${text}` : ""}`));
}

/** Order something; the answer says what became of it. */
export async function order(method, path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  return read(await fetch(`/api/v1${path}`, { method, headers, body: JSON.stringify(body) }));
}

async function read(response) {
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error ?? `the server says ${response.status}`, response.status);
  return answer;
}
