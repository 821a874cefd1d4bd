/** The hits of a completed search: totals, charts, a sortable table, and files to download. */

import { ApiRejection, apiUrl, get, jobPath, queryString } from "./api.js";
import { histogram, queryPosition } from "./charts.js";
import { el, scrollRegion, section } from "./dom.js";
import { formatBytes, formatCount, formatDecimal, formatEvalue, formatInteger } from "./format.js";

const MAX_ROWS = 200;
/** `format` is there for numbers. */
const COLUMNS = [
  { name: "qseqid", title: "Query" },
  { name: "sseqid", title: "Subject" },
  { name: "qstart", title: "Query position" },
  { name: "pident", title: "Identity %", format: (value) => formatDecimal(value, 1) },
  { name: "length", title: "Length", format: (value) => formatDecimal(value, 0) },
  { name: "evalue", title: "E-value", format: formatEvalue },
  { name: "bitscore", title: "Bit score", format: (value) => formatDecimal(value, 0) },
];
const EXPORT_FORMATS = ["csv", "tsv", "json"];

export class HitsSection {
  files = null;
  aggregate = null;
  page = null;
  rejection = "";
  selected = { file: "", query: "", text: "", page: 1 };
  sort = { by: "", isDescending: false };
  #loadedSelection = null;

  constructor(jobId) {
    this.jobId = jobId;
  }

  /** Whether another request would load more. */
  get isIncomplete() {
    return this.#loadedSelection !== this.#selection;
  }

  get #selection() {
    return JSON.stringify([this.selected, this.sort]);
  }

  /** Load what is missing. After a rejection, such as an unreadable format, files are still listed. */
  async load(signal) {
    if (!this.isIncomplete) return;
    const selection = this.#selection;
    const path = (...segments) => jobPath(this.jobId, "results", ...segments);
    try {
      this.files ??= (await get(path(), signal)).files;
      this.aggregate ??= await get(path("aggregate"), signal);
      if (this.#loadedSelection !== selection && this.files.length) {
        const { file, query, text, page } = this.selected;
        const { by, isDescending } = this.sort;
        const params = { file, query_id: query, text, page, page_size: MAX_ROWS, sort_by: by };
        if (isDescending) params.sort_dir = "desc";
        this.page = await get(path("alignments") + queryString(params), signal);
      }
      this.rejection = "";
    } catch (error) {
      if (!(error instanceof ApiRejection) || error.status === 401) throw error;
      this.rejection = error.message;
    }
    this.#loadedSelection = selection;
  }

  actions = {
    sort: ({ dataset }) => {
      const isDescending = this.sort.by === dataset.by && !this.sort.isDescending;
      this.sort = { by: dataset.by, isDescending };
      this.selected = { ...this.selected, page: 1 };
    },
    page: ({ dataset }) => (this.selected = { ...this.selected, page: Number(dataset.page) }),
    "select-file": ({ value }) => this.#select({ file: value }),
    "select-query": ({ value }) => this.#select({ query: value }),
    "select-text": ({ value }) => this.#select({ text: value.trim() }),
  };

  #select(wanted) {
    this.selected = { ...this.selected, ...wanted, page: 1 };
  }

  render() {
    if (!this.files) {
      const className = this.rejection ? "message error" : "muted";
      return section("hits", "Hits", el("p", { class: className }, this.rejection || "Loading …"));
    }
    const hits = this.rejection
      ? el("p", { class: "message" }, this.rejection)
      : [this.#summary(), this.#table()];
    return [section("hits", "Hits", hits), section("files", "Files", this.#fileList())];
  }

  #summary() {
    const stats = this.aggregate?.stats;
    if (!stats?.total_hits) {
      const isLoading = !this.aggregate;
      return el("p", { class: "empty" }, isLoading ? "Loading …" : "The search found no hits.");
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
      el(
        "div",
        { class: "charts" },
        histogram("Identity", stats.identity_distribution, "0 %", "100 %"),
        histogram("E-value", stats.evalue_distribution, "0 (best)", "1 or more"),
      ),
    ];
  }

  #table() {
    if (!this.page?.total_hits) return null;
    const { total_hits, filtered_hits, alignments, query_ids, page, pages } = this.page;
    const lengths = queryLengths(alignments);
    const head = COLUMNS.map((column) => this.#columnHeader(column));
    const rows = alignments.map((hit) =>
      el(
        "tr",
        {},
        COLUMNS.map((column) => cell(column, hit, lengths.get(hit.qseqid))),
      ),
    );
    const first = (page - 1) * MAX_ROWS;
    const shown = alignments.length
      ? `${formatInteger(first + 1)} to ${formatInteger(first + alignments.length)}`
      : "None";
    const of = filtered_hits < total_hits ? `${formatInteger(filtered_hits)} of ` : "";
    const fileNames = this.files.map((file) => file.name);
    return [
      el(
        "div",
        { class: "choices" },
        this.#dropdown("file", "File", fileNames, "All files"),
        this.#dropdown("query", "Query", query_ids, "All queries"),
        el(
          "label",
          {},
          "Text in ids and titles",
          el("input", { type: "search", value: this.selected.text, "data-change": "select-text" }),
        ),
      ),
      el(
        "p",
        { class: "muted" },
        `${shown} of ${of}${formatCount(total_hits, "hit")}. Bars show where a hit lies on its query, arrows its direction. If the file has no query lengths, a bar ends at the query's last hit.`,
      ),
      scrollRegion(
        "Table of hits",
        el(
          "table",
          { class: "hits" },
          el("thead", {}, el("tr", {}, head)),
          el("tbody", {}, rows),
        ),
      ),
      pages > 1
        ? el(
            "p",
            { class: "choices" },
            pageButton("Previous hits", page - 1, page > 1),
            el("span", { class: "muted" }, `Page ${formatInteger(page)} of ${formatInteger(pages)}`),
            pageButton("Next hits", page + 1, page < pages),
          )
        : null,
    ];
  }

  #columnHeader({ name, title, format }) {
    const { by, isDescending } = this.sort;
    const isSorted = by === name;
    const order = isSorted ? (isDescending ? "descending" : "ascending") : "none";
    const arrow = isSorted ? (isDescending ? " ↓" : " ↑") : " ↕";
    const button = el(
      "button",
      { type: "button", class: "plain", "data-action": "sort", "data-by": name },
      title,
      el("span", { "aria-hidden": "true" }, arrow),
    );
    const attributes = { scope: "col", "aria-sort": order, class: format ? "number" : null };
    return el("th", attributes, button);
  }

  #dropdown(name, label, values, allLabel) {
    if (values.length < 2) return null;
    const selected = this.selected[name];
    const option = (value, text) => el("option", { value, selected: value === selected }, text);
    const options = values.map((value) => option(value, value));
    return el(
      "label",
      {},
      label,
      el(
        "select",
        { "data-change": `select-${name}` },
        allLabel ? option("", allLabel) : null,
        options,
      ),
    );
  }

  #fileList() {
    const exportLinks = EXPORT_FORMATS.map((format) => [
      downloadLink(
        jobPath(this.jobId, "results", "export") + queryString({ format }),
        `${this.jobId}.${format}`,
        format.toUpperCase(),
      ),
      " ",
    ]);
    const rows = this.files.map(({ file_id, name, size, format }) =>
      el(
        "li",
        {},
        downloadLink(jobPath(this.jobId, "results", file_id), name.replaceAll("/", "_"), name),
        el("span", { class: "muted" }, ` ${formatBytes(size)} · ${format}`),
      ),
    );
    return [
      this.rejection ? null : el("p", {}, "All hits as ", exportLinks),
      el("ul", { class: "files" }, rows),
    ];
  }
}

function pageButton(text, page, isEnabled) {
  const attributes = { type: "button", "data-action": "page", "data-page": page };
  return el("button", { ...attributes, disabled: isEnabled ? null : "" }, text);
}

function downloadLink(path, fileName, text) {
  return el(
    "a",
    { href: apiUrl(path), download: fileName, "data-action": "download", "data-path": path },
    text,
  );
}

/** The length of each query; where the file has none, the last residue that a hit covers. */
function queryLengths(hits) {
  const lengths = new Map();
  for (const { qseqid, qlen, qstart, qend } of hits) {
    lengths.set(qseqid, Math.max(lengths.get(qseqid) ?? 0, qlen ?? Math.max(qstart, qend)));
  }
  return lengths;
}

function cell({ name, format }, hit, queryLength) {
  if (name === "qstart")
    return el("td", {}, hit.qstart && hit.qend ? queryPosition(hit, queryLength) : "–");
  return format ? el("td", { class: "number" }, format(hit[name])) : el("td", {}, hit[name] ?? "–");
}
