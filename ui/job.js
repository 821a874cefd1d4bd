/** One job: where it is, how it came there, what can be done with it, and its hits. */

import { get, jobPath, newKey, params, post } from "./api.js";
import { batches, timeline } from "./charts.js";
import { el, scroll, section } from "./dom.js";
import { Hits } from "./hits.js";
import { badge } from "./list.js";
import { QUICK, SLOW } from "./poll.js";
import { age, clock, count, isOver, phase, span, title, words } from "./words.js";

export class Job {
  job = null;
  events = [];
  name = "Search";
  #edition = "";
  #status = "";
  #retryKey = newKey();

  constructor(id) {
    this.id = id;
    this.hits = new Hits(id);
  }

  async load(signal) {
    const job = await get(jobPath(this.id), signal);
    if (job.updated_at !== this.#edition) {
      const after = this.events.at(-1)?.id;
      const { events } = await get(jobPath(this.id, "events") + params({ after }), signal);
      this.events.push(...events);
      this.#edition = job.updated_at;
    }
    this.job = job;
    this.name = title(job);
    if (job.status === "completed" && job.results_prefix) await this.hits.load(signal);
  }

  pace() {
    return !this.job || !isOver(this.job) || this.hits.isUnfinished ? QUICK : SLOW;
  }

  news() {
    const said =
      this.#status && this.#status !== this.job.status
        ? [`${title(this.job)}: ${phase(this.job.phase)}`]
        : [];
    this.#status = this.job.status;
    return said;
  }

  async cancel() {
    await post(jobPath(this.id, "cancel"), {}, newKey());
  }

  /** Sent again after no answer, it is the same attempt. */
  async retry() {
    await post(jobPath(this.id, "retry"), {}, this.#retryKey);
    this.#retryKey = newKey();
    this.hits = new Hits(this.id);
  }

  get mayBeCancelled() {
    return !isOver(this.job) && this.job.phase !== "cancelling";
  }

  /** It has ended, and it could not be proven that nothing of it still runs. */
  get mayBeLeft() {
    return isOver(this.job) && this.job.left_on_cluster === "unknown";
  }

  /** What was refused would be refused again, and of a batch each search is run again by itself. */
  get #mayBeRetried() {
    const { status, phase, children } = this.job;
    return status === "failed" && phase !== "config_invalid" && !children;
  }

  render() {
    if (!this.job)
      return el("div", {}, el("h1", {}, "Search"), el("p", { class: "quiet" }, "Reading …"));
    const { job } = this;
    return el(
      "div",
      {},
      el("div", { class: "row" }, el("h1", {}, title(job)), this.#buttons()),
      el(
        "p",
        { class: "lead" },
        badge(job),
        ` ${job.program} · ${job.db} · `,
        el("time", { datetime: job.created_at, title: clock(job.created_at) }, age(job.created_at)),
      ),
      job.error
        ? el("p", { class: "why wrong" }, job.error)
        : job.reason
          ? el("p", { class: "why" }, job.reason)
          : null,
      this.mayBeLeft
        ? el(
            "p",
            { class: "why wrong", "data-left": "" },
            "Something of this search may still run on the cluster and cost money. The app tries for a day to remove it.",
          )
        : null,
      el("div", { class: "progress" }, batches(job)),
      this.#batch(),
      section("history", "Timeline", timeline(this.events, this.#end()), this.#history()),
      job.status === "completed" && job.results_prefix ? this.hits.render() : null,
      section("facts", "Details", this.#facts()),
    );
  }

  #buttons() {
    const { job } = this;
    return el(
      "div",
      { class: "buttons" },
      this.#mayBeRetried ? el("button", { type: "button", "data-do": "retry" }, "Run again") : null,
      this.mayBeCancelled
        ? el("button", { type: "button", class: "danger", "data-do": "cancel" }, "Cancel search")
        : null,
      this.mayBeLeft
        ? el("button", { type: "button", class: "danger", "data-do": "really-cancel" }, "Clean up now")
        : null,
    );
  }

  #batch() {
    const tally = this.job.children;
    if (!tally) return null;
    const said = ["queued", "running", "completed", "failed", "cancelled"]
      .filter((name) => tally[name])
      .map((name) => `${tally[name]} ${name}`);
    return el(
      "p",
      {},
      `${count(tally.total, "search", "searches")}: ${said.join(", ")}. `,
      el("a", { href: `#/jobs/${this.id}/searches` }, "Show them"),
    );
  }

  #end() {
    const last = Date.parse(this.events.at(-1)?.timestamp ?? this.job.updated_at);
    return isOver(this.job) ? last : Math.max(last, Date.now());
  }

  #history() {
    const began = Date.parse(this.job.created_at);
    const rows = this.events.map((event) =>
      el(
        "tr",
        { "data-key": event.id },
        el(
          "td",
          { class: "number", title: clock(event.timestamp) },
          span(Date.parse(event.timestamp) - began),
        ),
        el("td", {}, words(event.event)),
        el("td", { class: "payload" }, payload(event.payload)),
      ),
    );
    const head = el(
      "tr",
      {},
      ...["After", "Event", "What it says"].map((text) => el("th", { scope: "col" }, text)),
    );
    return el(
      "details",
      {},
      el("summary", {}, `All ${count(rows.length, "event")}`),
      scroll("Events", el("table", {}, el("thead", {}, head), el("tbody", {}, rows))),
    );
  }

  #facts() {
    const { job } = this;
    const config = job.config_snapshot ?? {};
    const facts = {
      Id: job.job_id,
      "Submitted by": job.owner_upn,
      "Came by": job.submission_source,
      Cluster: job.infrastructure?.cluster_name,
      "E-value up to": config.evalue,
      "Most targets": config.max_target_seqs,
      "Output format": config.outfmt,
      Machines: config.machine_type && `${config.num_nodes} × ${config.machine_type}`,
      "Error code": job.error_code,
      "Results at": job.results_prefix,
    };
    const said = Object.entries(facts).filter(
      ([, value]) => value !== null && value !== undefined && value !== "",
    );
    const parent = job.parent_job_id
      ? el(
          "p",
          {},
          "One search of ",
          el("a", { href: `#/jobs/${job.parent_job_id}` }, "a batch"),
          ".",
        )
      : null;
    return [
      parent,
      el(
        "dl",
        {},
        said.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value)))),
      ),
    ];
  }
}

function payload(facts) {
  return Object.entries(facts ?? {})
    .filter(([, value]) => value !== null && value !== "")
    .map(
      ([name, value]) =>
        `${words(name)}: ${typeof value === "object" ? JSON.stringify(value) : value}`,
    )
    .join(", ");
}
