/** Requests to the public API. The access token is kept in the memory of this module only. */

const API_URL = new URL("../", import.meta.url);
const TIMEOUT_MS = 30_000;
const UPLOAD_TIMEOUT_MS = 600_000;
/** Of a file that is read in parts; each has the time of a request. */
const PART_BYTES = 8 * 1024 ** 2;
/** Of a file that is being written. */
const MAX_TRIES = 100;
/** Statuses below 500 that a later request may not get. */
const RETRYABLE_STATUSES = new Set([408, 425, 429]);
let token = "";

/** The API rejected a request; the same request is rejected again until something changes. */
export class ApiRejection extends Error {
  constructor(status, body) {
    super(body?.detail?.message ?? body?.message ?? `The API returned status ${status}.`);
    this.status = status;
    this.code = body?.detail?.code ?? "";
    /** `[{loc: [name, ...], msg, line?}]` */
    this.faults = body?.detail?.errors ?? [];
  }
}

/** The API gave no answer, or asks to retry. `retryAfterMs` is 0 if the API names no time. */
export class ApiUnavailable extends Error {
  constructor(message, retryAfterMs = 0, code = "") {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.code = code;
  }
}

export function signIn(text) {
  token = text.trim().replace(/^Bearer\s+/i, "");
}

export function isSignedIn() {
  return token !== "";
}

export function jobPath(id, ...segments) {
  return ["blast/jobs", encodeURIComponent(id), ...segments].join("/");
}

/** A query string with its `?`; parameters without a value are left out. */
export function queryString(params) {
  const entries = Object.entries(params).filter(
    ([, value]) => value !== undefined && value !== "",
  );
  return entries.length ? `?${new URLSearchParams(entries)}` : "";
}

/** The absolute URL of a path below `/api/`. */
export function apiUrl(path) {
  return new URL(path, API_URL).href;
}

/** The JSON at a path. Raises ApiRejection and ApiUnavailable, as do the others. */
export async function get(path, signal) {
  return (await send("GET", path, { signal })).json();
}

/** The text at a path. */
export async function getText(path, headers, signal) {
  return (await send("GET", path, { headers, signal })).text();
}

/** Requests with the same `idempotencyKey` take effect once; one without effect needs no key. */
export async function post(path, body, idempotencyKey, signal) {
  const headers = { "Content-Type": "application/json" };
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  return (await send("POST", path, { body: JSON.stringify(body), headers, signal })).json();
}

/** Delete what is at a path; `{status}` says whether it is deleted already. */
export async function del(path) {
  return (await send("DELETE", path, {})).json();
}

/** Upload a file as the named field of a form. */
export async function postFile(path, field, file, signal) {
  const body = new FormData();
  body.append(field, file);
  return (await send("POST", path, { body, signal, timeoutMs: UPLOAD_TIMEOUT_MS })).json();
}

/** The file at a path, requested with the token, in parts; waits for it while it is written. */
export async function getBlob(path) {
  const parts = [];
  let [size, total, etag] = [0, 1, ""];
  while (size < total) {
    const response = await sendUntilReady(path, {
      Range: `bytes=${size}-${size + PART_BYTES - 1}`,
      ...(etag ? { "If-Range": etag } : {}),
    });
    const part = await response.blob();
    // A whole file: the server has no ranges of it, or it has changed since the first part.
    if (response.status !== 206) return part;
    parts.push(part);
    size += part.size;
    total = Number(response.headers.get("Content-Range").split("/")[1]);
    etag = response.headers.get("ETag") ?? "";
  }
  return new Blob(parts, { type: parts[0].type });
}

async function sendUntilReady(path, headers) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send("GET", path, { headers });
    } catch (error) {
      // An empty file has no range.
      if (error.status === 416) return send("GET", path, {});
      if (!error.retryAfterMs || tries === MAX_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs));
    }
  }
}

/** 32 random hexadecimal digits. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

async function send(method, path, { body, headers = {}, signal, timeoutMs = TIMEOUT_MS }) {
  const signals = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
  const request = {
    method,
    body,
    headers: { ...headers, "x-client-request-id": newKey() },
    cache: "no-store",
    credentials: "same-origin",
    signal: AbortSignal.any(signals),
  };
  if (token) request.headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(apiUrl(path), request);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiUnavailable("The API does not answer.");
  }
  if (response.ok) return response;
  const { status } = response;
  const errorBody = await jsonOrNull(response);
  if (status < 500 && !RETRYABLE_STATUSES.has(status)) throw new ApiRejection(status, errorBody);
  const retryAfterMs = 1000 * Number(response.headers.get("Retry-After") ?? 0) || 0;
  throw new ApiUnavailable(
    errorBody?.message ?? `The API returned status ${status}.`,
    retryAfterMs,
    errorBody?.detail?.code,
  );
}

/** The JSON of an error response; null if a proxy answered with something else. */
async function jsonOrNull(response) {
  const text = await response.text().catch(() => "");
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
