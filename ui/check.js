/** The readiness check of a planned search, repeated as the form changes. */

import { ApiRejection, ApiUnavailable, post } from "./api.js";

/** Milliseconds without a change before a check. */
const DELAY_MS = 400;

/**
 * Sends what `plan()` returns to the API once the form has been still for a moment. A change
 * cancels the check that runs; an answer to an earlier form is dropped. `onChange()` is called
 * whenever there is something new to show.
 */
export class ReadinessCheck {
  /** The API's answer to the last plan; null before the first. */
  result = null;
  /** Why there is no answer; "" if there is one. */
  trouble = "";
  isRunning = false;
  #timer;
  #abort;

  constructor(plan, onChange) {
    Object.assign(this, { plan, onChange });
  }

  /** Check soon; another change before that starts the wait again. */
  schedule() {
    this.cancel();
    this.isRunning = true;
    this.#timer = setTimeout(() => this.#run(), DELAY_MS);
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.isRunning = false;
  }

  /** Forget the last answer. */
  reset() {
    this.cancel();
    Object.assign(this, { result: null, trouble: "" });
  }

  async #run() {
    const abort = new AbortController();
    this.#abort = abort;
    let result = null;
    let trouble = "";
    try {
      result = await post("blast/pre-flight", this.plan(), undefined, abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!(error instanceof ApiRejection || error instanceof ApiUnavailable)) throw error;
      trouble = error.message;
    }
    if (abort.signal.aborted) return;
    Object.assign(this, { result, trouble, isRunning: false });
    this.onChange();
  }
}
