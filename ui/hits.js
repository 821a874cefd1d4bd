/** The hits of a completed search: totals, filters, a view of them, and files to download. */

import { ApiRejection, ApiUnavailable, apiUrl, get, jobPath, queryString } from "./api.js";
import { button, el, section } from "./dom.js";
import { formatBytes, formatCount, formatDecimal, formatEvalue, formatInteger } from "./format.js";
import { FILTERS, QUERY_FILTERS, renderFilters } from "./hit-filters.js";
import { renderPictures } from "./hit-pictures.js";
import { renderHitTable } from "./hit-table.js";
import { renderQueryTable } from "./query-table.js";

const PAGE_SIZE = 100;
const EXPORT_FORMATS = ["csv", "tsv", "json", "jsonl", "parquet"];

/** What is shown. The address has what differs from this. */
const DEFAULTS = {
  view: "table",
  ...Object.fromEntries([...FILTERS, ...QUERY_FILTERS].map((name) => [name, ""])),
  sort_by: "relevance",
  sort_dir: "asc",
  page: "1",
  queries: "all",
};
/** By the name in the address: the heading, what is requested, and how it is drawn. */
const VIEWS = {
  table: { title: "Table", parts: ["alignments"], render: renderHitTable },
  pictures: {
    title: "Pictures",
    parts: ["taxonomy", "coordinates", "coverage"],
    render: renderPictures,
  },
  queries: { title: "Queries", parts: ["queries"], render: renderQueryTable },
};
/** Orders that only one of the tables has. */
const ORDERS = { table: "relevance", queries: "number", pictures: "relevance" };

export class HitsSection {
  files = null;
  aggregate = null;
  rejection = "";
  pending = "";
  /** The API's answers for the view, by the last part of their path. */
  answers = {};
  openAlignments = new Set();
  #loaded = null;
  #loadedFilter = null;

  constructor(jobId, params) {
    this.jobId = jobId;
    this.state = { ...DEFAULTS };
    for (const name of Object.keys(DEFAULTS)) {
      if (params.get(name)) this.state[name] = params.get(name);
    }
    if (!(this.state.view in VIEWS)) this.state.view = DEFAULTS.view;
    if (this.state.view === "queries" && !params.get("sort_by")) this.state.sort_by = "number";
  }

  get address() {
    return this.addressOf({});
  }

  /** The address of this state with some changes. */
  addressOf(changes) {
    const state = { ...this.state, ...changes };
    const changed = Object.entries(state).filter(([name, value]) => {
      const normal = name === "sort_by" ? ORDERS[state.view] : DEFAULTS[name];
      return value !== normal;
    });
    return `#/jobs/${encodeURIComponent(this.jobId)}${queryString(Object.fromEntries(changed))}`;
  }

  /** Whether another request would load more. */
  get isIncomplete() {
    return this.#loaded !== this.#selection;
  }

  get #selection() {
    return JSON.stringify(this.state);
  }

  /** The parameters of the filter, which the queries do not have. */
  get filter() {
    const isFiltered = this.state.view !== "queries";
    return Object.fromEntries(FILTERS.map((name) => [name, isFiltered ? this.state[name] : ""]));
  }

  get isFiltered() {
    return Object.values(this.filter).some(Boolean);
  }

  /** Load what is missing. After a rejection, such as an unreadable format, files are still listed. */
  async load(signal) {
    if (!this.isIncomplete) return;
    const selection = this.#selection;
    const path = (...segments) => jobPath(this.jobId, "results", ...segments);
    try {
      this.files ??= (await get(path(), signal)).files;
      const filter = queryString(this.filter);
      if (this.files.length && (!this.aggregate || this.#loadedFilter !== filter)) {
        this.aggregate = await get(path("aggregate") + filter, signal);
        this.#loadedFilter = filter;
      }
      if (this.files.length) {
        const parts = VIEWS[this.state.view].parts.map(async (part) => [
          part,
          await get(path(part) + queryString(this.#paramsOf(part)), signal),
        ]);
        this.answers = { ...this.answers, ...Object.fromEntries(await Promise.all(parts)) };
      }
      this.rejection = this.pending = "";
    } catch (error) {
      if (error instanceof ApiUnavailable && error.code === "index_pending") {
        this.pending = error.message;
        return;
      }
      if (!(error instanceof ApiRejection) || error.status === 401) throw error;
      this.rejection = error.message;
    }
    this.#loaded = selection;
  }

  #paramsOf(part) {
    const { sort_by, sort_dir, page, queries, min_query_cover, max_query_cover } = this.state;
    const order = { sort_by, sort_dir, page, page_size: PAGE_SIZE };
    if (part === "queries") return { ...order, hits: queries, min_query_cover, max_query_cover };
    if (part === "coverage") return {};
    return part === "alignments" ? { ...this.filter, ...order } : this.filter;
  }

  /** Each takes the control that the user has changed or activated. */
  actions = {
    show: ({ dataset }) => this.#show(JSON.parse(dataset.changes)),
    filter: ({ name, value }) => this.#show({ [name]: value.trim(), page: "1" }),
    "clear-filters": () =>
      this.#show({ ...Object.fromEntries(FILTERS.map((name) => [name, ""])), page: "1" }),
    alignment: ({ dataset }) => {
      const { hit } = dataset;
      if (!this.openAlignments.delete(hit)) this.openAlignments.add(hit);
    },
  };

  #show(changes) {
    const { view } = this.state;
    this.state = { ...this.state, ...changes };
    if (this.state.view !== view) {
      const order = { sort_by: ORDERS[this.state.view], sort_dir: "asc", page: "1" };
      this.state = { ...this.state, ...order, ...changes };
    }
    this.openAlignments.clear();
  }

  /** A link to this state with some changes. It changes the view in place. */
  link(changes, text, attributes = {}) {
    return el("a", { ...this.linkTo(changes), ...attributes }, text);
  }

  /** The attributes of such a link. */
  linkTo(changes) {
    const href = this.addressOf(changes);
    return { href, "data-action": "show", "data-changes": JSON.stringify(changes) };
  }

  render() {
    const rejection = this.rejection ? el("p", { class: "message error" }, this.rejection) : null;
    if (this.pending) return section("hits", "Hits", el("p", { class: "message" }, this.pending));
    if (!this.files) {
      return section("hits", "Hits", rejection ?? el("p", { class: "muted" }, "Loading …"));
    }
    const files = section("files", "Files", this.#fileList());
    if (!this.aggregate?.stats) {
      const text = this.aggregate ? "The search found no hits." : "Loading …";
      return [section("hits", "Hits", rejection ?? el("p", { class: "empty" }, text)), files];
    }
    const view = VIEWS[this.state.view];
    const shown = rejection ?? view.render(this) ?? el("p", { class: "muted" }, "Loading …");
    const filters = this.state.view === "queries" ? null : renderFilters(this);
    return [
      section("hits", "Hits", filters, this.#totals(), this.#tabs(), shown),
      files,
    ];
  }

  #tabs() {
    const tabs = Object.entries(VIEWS).map(([view, { title }]) =>
      this.link({ view }, title, {
        "aria-current": view === this.state.view ? "true" : null,
        class: "tab",
      }),
    );
    return el("nav", { class: "tabs", "aria-label": "Views of the hits" }, tabs);
  }

  #totals() {
    const { stats } = this.aggregate;
    if (!stats.total_hits) {
      const text = this.isFiltered ? "No hit passes these filters." : "The search found no hits.";
      return el("p", { class: "empty" }, text);
    }
    const totals = {
      Hits: formatInteger(stats.total_hits),
      "Queries with hits": formatInteger(stats.unique_queries),
      Subjects: formatInteger(stats.unique_subjects),
      "Mean identity": `${formatDecimal(stats.avg_identity, 1)} %`,
      "Best e-value": formatEvalue(stats.min_evalue),
      "Best bit score": formatDecimal(stats.max_bitscore, 0),
    };
    const items = Object.entries(totals).map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", {}, value)),
    );
    const partial = `Totals of ${stats.files_parsed} of ${formatCount(stats.total_files, "file")}.`;
    const reasons = stats.files_unreadable.map(({ name, message }) => `${name}: ${message}`);
    return [
      stats.truncated ? el("p", { class: "message" }, [partial, ...reasons].join(" ")) : null,
      el("dl", { class: "totals" }, items),
    ];
  }

  /** A link that a browser opens without a token is made when it is asked for: it ends soon. */
  #shareButton(fileId, name) {
    const path = jobPath(this.jobId, "results", "download") + queryString({ blob_name: fileId });
    const label = `Link to ${name}`;
    return button("share", "Link", { class: "plain", "data-path": path, "aria-label": label });
  }

  #fileList() {
    const isXml = /^(outfmt 5|blast_xml)/.test(this.files[0]?.format);
    const exportLinks = [...EXPORT_FORMATS, ...(isXml ? ["xml"] : [])].map((format) => {
      const filter = format === "xml" ? { file: this.state.file } : this.filter;
      const path = jobPath(this.jobId, "results", "export") + queryString({ format, ...filter });
      const name = `${this.jobId}.${format}`;
      return [downloadLink(path, name, format.toUpperCase(), { "data-is-export": "" }), " "];
    });
    const rows = this.files.map(({ file_id, name, size, format }) =>
      el(
        "li",
        {},
        downloadLink(jobPath(this.jobId, "results", file_id), name.replaceAll("/", "_"), name),
        el("span", { class: "muted" }, ` ${formatBytes(size)} · ${format} `),
        this.#shareButton(file_id, name),
      ),
    );
    const which = this.isFiltered ? "The hits that pass the filters as " : "All hits as ";
    return [
      this.aggregate?.stats && !this.rejection ? el("p", {}, which, exportLinks) : null,
      el("ul", { class: "files" }, rows),
    ];
  }
}

function downloadLink(path, fileName, text, attributes = {}) {
  return el(
    "a",
    {
      href: apiUrl(path),
      download: fileName,
      "data-action": "download",
      "data-path": path,
      ...attributes,
    },
    text,
  );
}
