/** The public API, and nothing else. The token is in this module's memory alone. */

const BASE = new URL("../", import.meta.url);
const PATIENCE = 30_000;
const AWAY = new Set([408, 425, 429]);
let token = "";

/** The API answered that it will not: asking again is no use until something changes. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.detail?.message ?? body?.message ?? `The API answered ${status}.`);
    this.status = status;
    this.code = body?.detail?.code ?? "";
    /** `[{loc: [name, ...], msg}]` */
    this.faults = body?.detail?.errors ?? [];
  }
}

/** Nobody answers, or not now. `after` is in milliseconds, 0 where the API names no time. */
export class Away extends Error {
  constructor(said, after = 0) {
    super(said);
    this.after = after;
  }
}

export function signIn(text) {
  token = text.trim().replace(/^Bearer\s+/i, "");
}

export function isSignedIn() {
  return token !== "";
}

export function jobPath(id, ...more) {
  return ["blast/jobs", encodeURIComponent(id), ...more].join("/");
}

/** Names of an address; those without a value are left out. */
export function params(values) {
  const said = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return said.length ? `?${new URLSearchParams(said)}` : "";
}

export function address(path) {
  return new URL(path, BASE).href;
}

export async function get(path, signal) {
  return (await send("GET", path, { signal })).json();
}

/** `key` stands for this request however often it is sent: it is done once. */
export async function post(path, body, key) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  return (await send("POST", path, { body: JSON.stringify(body), headers })).json();
}

/** A file to save; only this way does it come with a token. */
export async function download(path) {
  return (await send("GET", path, {})).blob();
}

export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) =>
    n.toString(16).padStart(2, "0"),
  ).join("");
}

async function send(method, path, { body, headers = {}, signal }) {
  const signals = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  const asked = {
    method,
    body,
    headers: { ...headers },
    cache: "no-store",
    credentials: "same-origin",
  };
  asked.headers["x-client-request-id"] = newKey();
  if (token) asked.headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(address(path), { ...asked, signal: AbortSignal.any(signals) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Away("The API does not answer.");
  }
  if (answer.ok) return answer;
  const said = await told(answer);
  if (answer.status < 500 && !AWAY.has(answer.status)) throw new Refused(answer.status, said);
  const after = 1000 * Number(answer.headers.get("Retry-After") ?? 0) || 0;
  throw new Away(said?.message ?? `The API answers ${answer.status}.`, after);
}

/** What a refusal says; something in between may answer without JSON. */
async function told(answer) {
  const text = await answer.text().catch(() => "");
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
