/** The log of a job: opened by the user, and followed while the job is active. */

import { ApiRejection, getText, post } from "./api.js";
import { el, scrollRegion } from "./dom.js";
import { formatTimestamp, isTerminal } from "./format.js";

const MAX_LINES = 2000;
/** Pixels from its end within which a list counts as read. */
const NEAR_END = 24;
const LIST_ID = "log-lines";

export class LogSection {
  isOpen = false;
  /** The lines by their id: one that is sent again is not shown again. */
  #lines = new Map();
  #ticket = "";
  #lastId = "";
  #hasEnded = false;
  #wasAtEnd = true;

  constructor(jobId) {
    this.path = `blast/logs/${encodeURIComponent(jobId)}`;
  }

  toggle() {
    this.isOpen = !this.isOpen;
  }

  /** Load what is new, unless it cannot be seen. */
  async load(signal, job) {
    if (!isTerminal(job)) this.#hasEnded = false;
    if (!this.isOpen || this.#hasEnded || document.hidden) return;
    const text = await this.#read(signal);
    for (const { event, id, data } of parseEvents(text)) {
      if (event === "completed") this.#hasEnded = true;
      if (id) this.#lastId = id;
      if (event === "log") this.#add(JSON.parse(data));
    }
  }

  /** The new lines; with another ticket once it has expired. */
  async #read(signal) {
    const read = () => {
      const headers = this.#lastId ? { "Last-Event-ID": this.#lastId } : {};
      return getText(`${this.path}/events?ticket=${this.#ticket}`, headers, signal);
    };
    try {
      if (this.#ticket) return await read();
    } catch (error) {
      if (!(error instanceof ApiRejection) || error.code !== "link_expired") throw error;
    }
    this.#ticket = (await post(`${this.path}/ticket`, {}, "", signal)).ticket;
    return read();
  }

  #add(line) {
    this.#lines.set(line.id, line);
    if (this.#lines.size > MAX_LINES) this.#lines.delete(this.#lines.keys().next().value);
  }

  render() {
    const list = scrolled();
    this.#wasAtEnd =
      !list || list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END;
    const summary = el("summary", { "data-action": "toggle-log" }, "Log");
    return el("details", { class: "log" }, summary, this.isOpen ? this.#content() : null);
  }

  #content() {
    if (!this.#lines.size) return el("p", { class: "muted" }, "Loading …");
    const lines = [...this.#lines.values()].map((line) =>
      el(
        "li",
        { "data-key": line.id },
        el("time", { datetime: line.ts, title: formatTimestamp(line.ts) }, clock(line.ts)),
        " ",
        el("span", { class: "muted", title: line.pod }, sourceOf(line)),
        " ",
        el("span", {}, line.line),
      ),
    );
    return scrollRegion("Log lines", el("ol", { id: LIST_ID }, lines));
  }

  /** Follow the log, unless the user has scrolled away. */
  onDrawn() {
    const list = scrolled();
    if (list && this.#wasAtEnd) list.scrollTop = list.scrollHeight;
  }
}

function scrolled() {
  return document.getElementById(LIST_ID)?.parentElement;
}

/** The messages of a stream of server-sent events. */
export function parseEvents(text) {
  return text.split("\n\n").map((block) =>
    Object.fromEntries(
      block.split("\n").map((field) => {
        const at = field.indexOf(": ");
        return [field.slice(0, at), field.slice(at + 2)];
      }),
    ),
  );
}

function sourceOf({ source, pod, container }) {
  return source === "k8s" ? (container ?? pod) : "search";
}

function clock(timestamp) {
  return new Date(timestamp).toLocaleTimeString(undefined, { hour12: false });
}
