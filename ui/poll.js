/** Asking again and again, politely: seldom where nobody looks, and less and less where nobody answers. */

import { Away, Refused } from "./api.js";

/** Milliseconds between two questions while something runs, and while nothing does. */
export const QUICK = 2500;
export const SLOW = 10_000;

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15_000;
const HIDDEN = 10;

/**
 * Calls `load(signal)` at once and then every `pace()` milliseconds. `heard.well()`, `heard.away(error, wait)`
 * and `heard.refused(error)` are told how it went; a refusal ends it until `now()`.
 */
export class Poll {
  #timer;
  #control = new AbortController();
  #asking = false;
  #again = false;
  #failures = 0;

  constructor(load, pace, heard) {
    Object.assign(this, { load, pace, heard });
    const { signal } = this.#control;
    document.addEventListener("visibilitychange", () => document.hidden || this.now(), { signal });
    addEventListener("online", () => this.now(), { signal });
    this.now();
  }

  stop() {
    this.#control.abort();
    clearTimeout(this.#timer);
  }

  /** Ask now; if an answer is on its way, ask once more after it. */
  async now() {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#asking = true;
    this.#again = false;
    const wait = await this.#turn().finally(() => (this.#asking = false));
    if (this.#control.signal.aborted || wait === Infinity) return;
    this.#timer = setTimeout(() => this.now(), this.#again ? 0 : wait);
  }

  async #turn() {
    const { signal } = this.#control;
    try {
      await this.load(signal);
    } catch (error) {
      if (signal.aborted) return Infinity;
      return this.#wrong(error);
    }
    this.#failures = 0;
    this.heard.well();
    return this.pace() * (document.hidden ? HIDDEN : 1);
  }

  #wrong(error) {
    if (error instanceof Refused) {
      this.heard.refused(error);
      return Infinity;
    }
    if (!(error instanceof Away)) throw error;
    const wait = Math.max(error.after, Math.min(FIRST_WAIT * 2 ** this.#failures, LONGEST_WAIT));
    this.#failures += 1;
    this.heard.away(error, wait);
    return wait;
  }
}
