/** The list of jobs: the caller's own, as a view, or the searches of a batch, as a part of its view. */

import { get, jobPath, queryString } from "./api.js";
import { progressBar } from "./charts.js";
import { button, el } from "./dom.js";
import {
  badgeClass,
  formatAge,
  formatCount,
  formatDuration,
  formatPhase,
  formatTimestamp,
  isTerminal,
  jobTitle,
} from "./format.js";
import { ACTIVE_INTERVAL_MS, IDLE_INTERVAL_MS } from "./poll.js";

const PAGE_SIZE = 50;

export class JobListView {
  jobs = null;
  page = {};
  /** The cursors of the first page to the current one. */
  cursors = [""];
  #lastStatuses = new Map();

  name = "Searches";

  constructor(batchId) {
    this.batchId = batchId;
  }

  async load(signal) {
    const path = this.batchId ? jobPath(this.batchId, "children") : "blast/jobs";
    const cursor = this.cursors.at(-1);
    const { jobs, page } = await get(path + queryString({ limit: PAGE_SIZE, cursor }), signal);
    if (cursor === this.cursors.at(-1)) Object.assign(this, { jobs, page });
  }

  interval() {
    return this.jobs?.every(isTerminal) ? IDLE_INTERVAL_MS : ACTIVE_INTERVAL_MS;
  }

  /** One sentence for each job whose status changed since the last call. */
  takeNotices() {
    const notices = [];
    for (const job of this.jobs ?? []) {
      const lastStatus = this.#lastStatuses.get(job.job_id);
      if (lastStatus && lastStatus !== job.status)
        notices.push(`${jobTitle(job)}: ${formatPhase(job.exact_phase)}`);
      this.#lastStatuses.set(job.job_id, job.status);
    }
    return notices;
  }

  actions = {
    older: () => this.#changePage(() => this.cursors.push(this.page.next_cursor)),
    newer: () => this.#changePage(() => this.cursors.pop()),
  };

  /** The buttons stay disabled until the new page has loaded. */
  #changePage(changeCursors) {
    changeCursors();
    this.page = {};
  }

  render() {
    const head = el(
      "div",
      { class: "row" },
      el("h1", {}, this.name),
      el("a", { class: "button", href: "#/new" }, "New search"),
    );
    return el("div", {}, head, this.body());
  }

  /** The jobs and the buttons for other pages, without a heading. */
  body() {
    if (!this.jobs) return el("p", { class: "muted" }, "Loading …");
    if (!this.jobs.length) {
      const link = el("a", { href: "#/new" }, "Submit a search");
      return el("p", { class: "empty" }, "No searches yet. ", link);
    }
    return [el("ul", { class: "jobs", role: "list" }, this.jobs.map(listItem)), this.#pager()];
  }

  #pager() {
    const number = this.cursors.length;
    if (number === 1 && !this.page.has_more) {
      const total = formatCount(this.jobs.length, "search", "searches");
      return el("p", { class: "muted pager" }, total);
    }
    const turn = (action, text, isEnabled) =>
      button(action, text, { "aria-disabled": isEnabled ? null : "true" });
    return el(
      "nav",
      { class: "pager", "aria-label": "Pages of the list" },
      turn("newer", "Newer", number > 1),
      el("span", {}, `Page ${number}`),
      turn("older", "Older", this.page.has_more),
    );
  }
}

function listItem(job) {
  const kind = job.results_prefix ? "" : "batch · ";
  return el(
    "li",
    { "data-key": job.job_id },
    el(
      "div",
      { class: "summary" },
      el("a", { href: `#/jobs/${job.job_id}`, class: "title" }, jobTitle(job)),
      el("span", { class: "muted" }, `${kind}${job.program} · ${job.db}`),
    ),
    el("div", { class: "state" }, badge(job)),
    el("div", { class: "progress" }, progressBar(job)),
    el("div", { class: "times" }, times(job)),
    message(job),
  );
}

export function badge(job) {
  return el("span", { class: `badge ${badgeClass(job)}` }, formatPhase(job.exact_phase));
}

/** The job's error, or the reason why it waits; null if there is neither. */
export function message(job) {
  if (job.error) return el("p", { class: "message error" }, job.error);
  return job.reason ? el("p", { class: "message" }, job.reason) : null;
}

/** When the job was submitted. */
export function submittedAt(job) {
  const attributes = { datetime: job.created_at, title: formatTimestamp(job.created_at) };
  return el("time", attributes, formatAge(job.created_at));
}

/** When the job was submitted, and how long it took. */
function times(job) {
  const took = job.finished_at
    ? ` · took ${formatDuration(Date.parse(job.finished_at) - Date.parse(job.created_at))}`
    : "";
  return el("span", { class: "muted" }, submittedAt(job), took);
}
