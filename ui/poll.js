/** Repeats a request: less often while the page is hidden, with a backoff while the API fails. */

import { ApiRejection, ApiUnavailable } from "./api.js";

/** Milliseconds between two requests while a job is active, and while none is. */
export const ACTIVE_INTERVAL_MS = 2500;
export const IDLE_INTERVAL_MS = 10_000;

const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 15_000;
const HIDDEN_FACTOR = 10;

/**
 * Calls `load(signal)` at once and then every `interval()` milliseconds, and reports to
 * `listener.onSuccess()`, `.onUnavailable(error, retryMs)` and `.onRejection(error)`.
 * A rejection stops the polling until `pollNow()`.
 */
export class Poller {
  #timer;
  #abort = new AbortController();
  #isLoading = false;
  #isQueued = false;
  #failures = 0;

  constructor(load, interval, listener) {
    Object.assign(this, { load, interval, listener });
    const { signal } = this.#abort;
    document.addEventListener("visibilitychange", () => document.hidden || this.pollNow(), {
      signal,
    });
    addEventListener("online", () => this.pollNow(), { signal });
    this.pollNow();
  }

  stop() {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  /** Poll now; if a request is pending, poll once more after it. */
  async pollNow() {
    if (this.#isLoading) {
      this.#isQueued = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#isLoading = true;
    this.#isQueued = false;
    const delayMs = await this.#poll().finally(() => (this.#isLoading = false));
    if (this.#abort.signal.aborted || delayMs === Infinity) return;
    this.#timer = setTimeout(() => this.pollNow(), this.#isQueued ? 0 : delayMs);
  }

  /** The delay in milliseconds before the next poll; Infinity for none. */
  async #poll() {
    const { signal } = this.#abort;
    try {
      await this.load(signal);
    } catch (error) {
      if (signal.aborted) return Infinity;
      return this.#delayAfter(error);
    }
    this.#failures = 0;
    this.listener.onSuccess();
    return this.interval() * (document.hidden ? HIDDEN_FACTOR : 1);
  }

  #delayAfter(error) {
    if (error instanceof ApiRejection) {
      this.listener.onRejection(error);
      return Infinity;
    }
    if (!(error instanceof ApiUnavailable)) throw error;
    const backoffMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS);
    const retryMs = Math.max(error.retryAfterMs, backoffMs);
    this.#failures += 1;
    this.listener.onUnavailable(error, retryMs);
    return retryMs;
  }
}
