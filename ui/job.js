/** One job: its state, timeline, actions, hits and details. */

import { ApiRejection, del, get, jobPath, newKey, post, queryString } from "./api.js";
import { progressBar, timeline } from "./charts.js";
import { button, el, scrollTable, section } from "./dom.js";
import {
  formatCount,
  formatDuration,
  formatName,
  formatPhase,
  formatTimestamp,
  isTerminal,
  jobTitle,
} from "./format.js";
import { HitsSection } from "./hits.js";
import { badge, JobListView, message, submittedAt } from "./list.js";
import { LogSection } from "./log.js";
import { ACTIVE_INTERVAL_MS, IDLE_INTERVAL_MS } from "./poll.js";

export class JobView {
  job = null;
  events = [];
  name = "Search";
  #loadedVersion = "";
  #lastStatus = "";
  #retryKey = newKey();
  /** Whether the user has asked to delete the job. */
  #isDeleting = false;
  isDeleted = false;

  /** `params` of the address say what of the hits is shown. */
  constructor(id, params) {
    this.id = id;
    this.hits = new HitsSection(id, params);
    this.log = new LogSection(id);
    /** The searches of a batch. */
    this.searches = new JobListView(id);
  }

  /** The address of what is shown. */
  get address() {
    return this.hits.address;
  }

  async load(signal) {
    let job;
    try {
      job = await get(jobPath(this.id), signal);
    } catch (error) {
      const isGone = error instanceof ApiRejection && error.status === 404;
      if (!(this.#isDeleting && isGone)) throw error;
      this.isDeleted = true;
      return;
    }
    if (job.updated_at !== this.#loadedVersion) {
      const after = this.events.at(-1)?.id;
      const path = jobPath(this.id, "events") + queryString({ after });
      const { events } = await get(path, signal);
      this.events.push(...events);
      this.#loadedVersion = job.updated_at;
    }
    this.job = job;
    this.name = jobTitle(job);
    await this.log.load(signal, job);
    if (this.#hasHits) await this.hits.load(signal);
    if (job.children) await this.searches.load(signal);
  }

  get actions() {
    const actions = { "toggle-log": () => this.log.toggle() };
    return this.job?.children ? { ...actions, ...this.searches.actions } : actions;
  }

  onDrawn() {
    this.log.onDrawn();
  }

  interval() {
    if (this.isDeleted) return Infinity;
    const isActive = !this.job || !isTerminal(this.job) || this.hits.isIncomplete;
    return isActive ? ACTIVE_INTERVAL_MS : IDLE_INTERVAL_MS;
  }

  /** A sentence if the status changed since the last call. */
  takeNotices() {
    const { job } = this;
    if (this.isDeleted) return [];
    const hasChanged = this.#lastStatus && this.#lastStatus !== job.status;
    this.#lastStatus = job.status;
    return hasChanged ? [`${jobTitle(job)}: ${formatPhase(job.exact_phase)}`] : [];
  }

  async cancel() {
    await post(jobPath(this.id, "cancel"), {}, newKey());
  }

  /** Delete the job; one that runs is cancelled first, and deleted once nothing of it is left. */
  async delete() {
    this.#isDeleting = true;
    this.isDeleted = (await del(jobPath(this.id))).status === "deleted";
    return this.isDeleted;
  }

  /** The key changes only after an answer, so that a repeated request starts one attempt. */
  async retry() {
    await post(jobPath(this.id, "retry"), {}, this.#retryKey);
    this.#retryKey = newKey();
    this.hits = new HitsSection(this.id, new URLSearchParams());
  }

  get #hasHits() {
    return this.job.status === "completed" && this.job.results_prefix;
  }

  get #isCancellable() {
    return !isTerminal(this.job) && this.job.exact_phase !== "cancelling";
  }

  /** Whether the job has ended and the app could not confirm that its resources are deleted. */
  get #isSomethingLeft() {
    return isTerminal(this.job) && this.job.left_on_cluster === "unknown";
  }

  /** Whether another clean-up can have an effect. On another cluster the app deletes nothing. */
  get isCleanupPending() {
    return this.#isSomethingLeft && !this.job.other_cluster;
  }

  /** ElasticBLAST's ids of all attempts, which are labels of their Kubernetes Jobs. */
  get #elbJobIds() {
    const retried = this.events.map((event) => event.payload?.elb_job_id);
    return [this.id, ...retried.filter(Boolean)];
  }

  /** An invalid request would be rejected again, and a batch cannot be retried as a whole. */
  get #isRetryable() {
    const { status, exact_phase: phase, children } = this.job;
    return status === "failed" && phase !== "config_invalid" && !children;
  }

  render() {
    if (!this.job)
      return el("div", {}, el("h1", {}, "Search"), el("p", { class: "muted" }, "Loading …"));
    if (this.isDeleted) return this.#deleted();
    const { job } = this;
    return el(
      "div",
      {},
      el("div", { class: "row" }, el("h1", {}, jobTitle(job)), this.#buttons()),
      el("p", { class: "lead" }, badge(job), ` ${job.program} · ${job.db} · `, submittedAt(job)),
      message(job),
      this.#cleanupWarning(),
      el("div", { class: "progress" }, progressBar(job)),
      this.#searches(),
      section(
        "timeline",
        "Timeline",
        timeline(this.events, this.#timelineEnd()),
        this.#events(),
        this.log.render(),
      ),
      this.#hasHits ? this.hits.render() : null,
      section("details", "Details", this.#details()),
    );
  }

  #buttons() {
    const danger = { class: "danger" };
    return el(
      "div",
      { class: "buttons" },
      this.#isRetryable ? button("retry", "Run again") : null,
      this.job.payload ? el("a", { class: "button edit", href: `#/new/${this.id}` }, "Edit and submit") : null,
      this.#isCancellable ? button("confirm-cancel", "Cancel search", danger) : null,
      this.isCleanupPending ? button("cancel", "Clean up now", danger) : null,
      this.job.delete_requested_at ? null : button("confirm-delete", "Delete", danger),
    );
  }

  #deleted() {
    return el(
      "div",
      {},
      el("h1", {}, "Deleted"),
      el("p", {}, `${jobTitle(this.job)} is deleted. `, el("a", { href: "#/" }, "All searches")),
    );
  }

  #cleanupWarning() {
    if (!this.#isSomethingLeft) return null;
    const { other_cluster } = this.job;
    const place = other_cluster ?? "the cluster";
    const labels = this.#elbJobIds.map((id) => `elb-job-id=${id}`).join(" or ");
    const whatHappens = other_cluster
      ? `The app deletes nothing there: an operator must delete the Jobs with the label ${labels}.`
      : "The app tries to delete them for one day.";
    const text = `Parts of this search may still run on ${place} and cost money. ${whatHappens}`;
    return el("p", { class: "message error" }, text);
  }

  /** The searches of a batch: how many have which status, and a page of their list. */
  #searches() {
    const { children } = this.job;
    if (!children) return null;
    const counts = ["queued", "running", "completed", "failed", "cancelled", "deleted"]
      .filter((status) => children[status])
      .map((status) => `${children[status]} ${status}`);
    const total = formatCount(children.total, "search", "searches");
    const tally = el("p", {}, `${total}: ${counts.join(", ") || "not created yet"}.`);
    return section("searches", "Searches", tally, this.searches.body());
  }

  #timelineEnd() {
    const last = Date.parse(this.events.at(-1)?.timestamp ?? this.job.updated_at);
    return isTerminal(this.job) ? last : Math.max(last, Date.now());
  }

  #events() {
    const start = Date.parse(this.job.created_at);
    const rows = this.events.map((event) =>
      el(
        "tr",
        { "data-key": event.id },
        el(
          "td",
          { class: "number", title: formatTimestamp(event.timestamp) },
          formatDuration(Date.parse(event.timestamp) - start),
        ),
        el("td", {}, formatName(event.event)),
        el("td", { class: "payload" }, formatPayload(event.payload)),
      ),
    );
    const head = ["After", "Event", "Details"].map((text) => el("th", { scope: "col" }, text));
    return el(
      "details",
      {},
      el("summary", {}, `All ${formatCount(rows.length, "event")}`),
      scrollTable("Events", head, rows),
    );
  }

  #details() {
    const { job } = this;
    const config = job.config_snapshot ?? {};
    const values = {
      "Job ID": job.job_id,
      "Submitted by": job.owner_upn,
      "Submitted via": job.submission_source,
      Cluster: job.infrastructure?.cluster_name,
      "E-value threshold": config.evalue,
      "Maximum targets": config.max_target_seqs,
      "Output format": config.outfmt,
      Machines: config.machine_type && `${config.num_nodes} × ${config.machine_type}`,
      "Error code": job.error_code,
      Results: job.results_prefix,
    };
    const present = Object.entries(values).filter(
      ([, value]) => value !== null && value !== undefined && value !== "",
    );
    const batchLink = job.parent_job_id
      ? el("p", {}, "Part of ", el("a", { href: `#/jobs/${job.parent_job_id}` }, "a batch"), ".")
      : null;
    const items = present.map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", {}, String(value))),
    );
    return [batchLink, el("dl", {}, items)];
  }
}

function formatPayload(payload) {
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : value);
  return Object.entries(payload ?? {})
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${formatName(name)}: ${text(value)}`)
    .join(", ");
}
