/** The list of jobs: the caller's own, or the searches of one batch. */

import { get, jobPath, params } from "./api.js";
import { batches } from "./charts.js";
import { el } from "./dom.js";
import { QUICK, SLOW } from "./poll.js";
import { age, clock, count, isOver, mood, phase, span, title } from "./words.js";

const SIZE = 50;

export class List {
  jobs = null;
  page = {};
  /** One cursor for each page up to the one shown. */
  cursors = [""];
  #seen = new Map();

  constructor(parent) {
    this.parent = parent;
    this.name = parent ? "Searches of a batch" : "Searches";
  }

  async load(signal) {
    const path = this.parent ? jobPath(this.parent, "children") : "blast/jobs";
    const cursor = this.cursors.at(-1);
    const { jobs, page } = await get(path + params({ limit: SIZE, cursor }), signal);
    if (cursor === this.cursors.at(-1)) Object.assign(this, { jobs, page });
  }

  pace() {
    return this.jobs?.every(isOver) ? SLOW : QUICK;
  }

  /** What changed since it was last asked, in sentences. */
  news() {
    const said = [];
    for (const job of this.jobs ?? []) {
      const before = this.#seen.get(job.job_id);
      if (before && before !== job.status) said.push(`${title(job)}: ${phase(job.phase)}`);
      this.#seen.set(job.job_id, job.status);
    }
    return said;
  }

  actions = {
    older: () => this.#turn(() => this.cursors.push(this.page.next_cursor)),
    newer: () => this.#turn(() => this.cursors.pop()),
  };

  /** Until the page is there, there is no further one. */
  #turn(move) {
    move();
    this.page = {};
  }

  render() {
    const batch = this.parent
      ? el("p", {}, el("a", { href: `#/jobs/${this.parent}` }, "The batch"))
      : null;
    const head = el(
      "div",
      { class: "row" },
      el("h1", {}, this.name),
      el("a", { class: "button", href: "#/new" }, "New search"),
      batch,
    );
    if (!this.jobs) return el("div", {}, head, el("p", { class: "quiet" }, "Reading …"));
    if (!this.jobs.length)
      return el(
        "div",
        {},
        head,
        el(
          "p",
          { class: "empty" },
          "There is no search yet. ",
          el("a", { href: "#/new" }, "Submit one"),
          ".",
        ),
      );
    return el(
      "div",
      {},
      head,
      el("ul", { class: "jobs", role: "list" }, this.jobs.map(item)),
      this.#pager(),
    );
  }

  #pager() {
    const number = this.cursors.length;
    if (number === 1 && !this.page.has_more)
      return el("p", { class: "quiet pager" }, count(this.jobs.length, "search", "searches"));
    const step = (name, text, on) =>
      el("button", { type: "button", "data-do": name, "aria-disabled": on ? null : "true" }, text);
    return el(
      "nav",
      { class: "pager", "aria-label": "Pages of the list" },
      step("newer", "Newer", number > 1),
      el("span", {}, `Page ${number}`),
      step("older", "Older", this.page.has_more),
    );
  }
}

function item(job) {
  const label = job.results_prefix
    ? `${job.program} · ${job.db}`
    : `batch of searches · ${job.program} · ${job.db}`;
  return el(
    "li",
    { "data-key": job.job_id },
    el(
      "div",
      { class: "what" },
      el("a", { href: `#/jobs/${job.job_id}`, class: "title" }, title(job)),
      el("span", { class: "quiet" }, label),
    ),
    el("div", { class: "state" }, badge(job)),
    el("div", { class: "progress" }, batches(job)),
    el("div", { class: "when" }, when(job)),
    job.error || job.reason
      ? el("p", { class: job.error ? "why wrong" : "why" }, job.error ?? job.reason)
      : null,
  );
}

export function badge(job) {
  return el("span", { class: `badge ${mood(job)}` }, phase(job.phase));
}

/** When it was submitted, and how long it took. */
function when(job) {
  const took = job.finished_at
    ? ` · took ${span(Date.parse(job.finished_at) - Date.parse(job.created_at))}`
    : "";
  return el(
    "span",
    { class: "quiet" },
    el("time", { datetime: job.created_at, title: clock(job.created_at) }, age(job.created_at)),
    took,
  );
}
