/** The hits of a completed search: in sum, drawn, and as a table that can be sorted. */

import { address, get, jobPath, params, Refused } from "./api.js";
import { histogram, place } from "./charts.js";
import { el, scroll, section } from "./dom.js";
import { bytes, count, evalue, fixed, whole } from "./words.js";

const SHOWN = 200;
const COLUMNS = [
  { name: "qseqid", text: "Query" },
  { name: "sseqid", text: "Subject" },
  { name: "qstart", text: "On the query" },
  { name: "pident", text: "Identity %", number: (value) => fixed(value, 1) },
  { name: "length", text: "Length", number: (value) => fixed(value, 0) },
  { name: "evalue", text: "E-value", number: evalue },
  { name: "bitscore", text: "Bit score", number: (value) => fixed(value, 0) },
];

export class Hits {
  files = null;
  sum = null;
  page = null;
  refused = "";
  file = "";
  query = "";
  sort = { by: "", down: false };
  #wanted = null;

  constructor(id) {
    this.id = id;
  }

  /** Whether asking again would show more. */
  get isUnfinished() {
    return this.#wanted !== this.#choice || Boolean(this.sum?.stats?.more_to_read);
  }

  get #choice() {
    return JSON.stringify([this.file, this.query]);
  }

  /** Whatever is not known yet. Files that cannot be read here can still be taken away. */
  async load(signal) {
    if (!this.isUnfinished) return;
    const choice = this.#choice;
    try {
      this.files ??= (await get(jobPath(this.id, "results"), signal)).files;
      if (!this.sum || this.sum.stats?.more_to_read)
        this.sum = await get(jobPath(this.id, "results", "aggregate"), signal);
      if (this.#wanted !== choice && this.files.length) {
        const asked = { blob_name: this.file, query_id: this.query, max_alignments: SHOWN };
        this.page = await get(jobPath(this.id, "results", "alignments") + params(asked), signal);
      }
      this.refused = "";
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 401) throw error;
      this.refused = error.message;
    }
    this.#wanted = choice;
  }

  actions = {
    sort: ({ dataset }) => {
      const down = this.sort.by === dataset.by && !this.sort.down;
      this.sort = { by: dataset.by, down };
    },
    file: ({ value }) => Object.assign(this, { file: value, query: "" }),
    query: ({ value }) => (this.query = value),
  };

  render() {
    if (!this.files)
      return section(
        "hits",
        "Hits",
        el("p", { class: this.refused ? "why wrong" : "quiet" }, this.refused || "Reading …"),
      );
    const hits = this.refused
      ? el("p", { class: "why" }, this.refused)
      : [this.#summary(), this.#table()];
    return [section("hits", "Hits", hits), section("files", "Files", this.#files())];
  }

  #summary() {
    const stats = this.sum?.stats;
    if (!stats?.total_hits)
      return el(
        "p",
        { class: "empty" },
        stats?.more_to_read ? "Reading …" : "Nothing in the database is like the query.",
      );
    const facts = {
      Hits: whole(stats.total_hits),
      "Queries with hits": whole(stats.unique_queries),
      Subjects: whole(stats.unique_subjects),
      "Mean identity": `${fixed(stats.avg_identity, 1)} %`,
      "Best e-value": evalue(stats.min_evalue),
      "Best bit score": fixed(stats.max_bitscore, 0),
    };
    const part = stats.truncated
      ? el(
          "p",
          { class: "why" },
          `This is what ${stats.files_parsed} of ${count(stats.total_files, "file")} come to.`,
        )
      : null;
    return [
      part,
      el(
        "dl",
        { class: "sums" },
        Object.entries(facts).map(([name, value]) =>
          el("div", {}, el("dt", {}, name), el("dd", {}, value)),
        ),
      ),
      el(
        "div",
        { class: "charts" },
        histogram("Identity", stats.identity_distribution, "0 %", "100 %"),
        histogram("E-value", stats.evalue_distribution, "0 (better)", "1 and more"),
      ),
    ];
  }

  #table() {
    if (!this.page?.alignments.length) return null;
    const lengths = lengthsOf(this.page.alignments);
    const head = el(
      "tr",
      {},
      COLUMNS.map((column) => this.#head(column)),
    );
    const rows = this.#sorted().map((hit) =>
      el(
        "tr",
        {},
        COLUMNS.map((column) => cell(column, hit, lengths.get(hit.qseqid))),
      ),
    );
    const some = `${whole(this.page.returned)} of ${count(this.page.total_hits, "hit")}${this.page.truncated ? " or more" : ""}`;
    return [
      el(
        "div",
        { class: "choices" },
        this.#choose(
          "file",
          "File",
          this.files.map((file) => file.name),
        ),
        this.#choose("query", "Query", this.page.query_ids, "All queries"),
      ),
      el(
        "p",
        { class: "quiet" },
        `${some} in this file. A bar shows where a hit lies on its query, and an arrow its direction. Where the file does not tell how long a query is, its bar ends where the last hit does.`,
      ),
      scroll(
        "Table of hits",
        el("table", { class: "hits" }, el("thead", {}, head), el("tbody", {}, rows)),
      ),
    ];
  }

  #head({ name, text, number }) {
    const { by, down } = this.sort;
    const sorted = by === name ? (down ? "descending" : "ascending") : "none";
    const sign = by === name ? (down ? " ↓" : " ↑") : " ↕";
    const button = el(
      "button",
      { type: "button", class: "plain", "data-do": "sort", "data-by": name },
      text,
      el("span", { "aria-hidden": "true" }, sign),
    );
    return el("th", { scope: "col", "aria-sort": sorted, class: number ? "number" : null }, button);
  }

  #sorted() {
    const { by, down } = this.sort;
    const hits = [...this.page.alignments];
    if (!by) return hits;
    const way = down ? -1 : 1;
    return hits.sort((one, other) => way * compared(one[by], other[by]));
  }

  #choose(name, text, values, all) {
    if (values.length < 2) return null;
    const chosen = this[name];
    const option = (value, shown) => el("option", { value, selected: value === chosen }, shown);
    return el(
      "label",
      {},
      text,
      el(
        "select",
        { "data-change": name },
        all ? option("", all) : null,
        values.map((value) => option(value, value)),
      ),
    );
  }

  #files() {
    const export_ = (format) => [
      link(
        jobPath(this.id, "results", "export") + params({ format }),
        `${this.id}.${format}`,
        format.toUpperCase(),
      ),
      " ",
    ];
    const rows = this.files.map((file) =>
      el(
        "li",
        {},
        link(jobPath(this.id, "results", file.file_id), file.name.replaceAll("/", "_"), file.name),
        el("span", { class: "quiet" }, ` ${bytes(file.size)} · ${file.format}`),
      ),
    );
    return [
      this.refused ? null : el("p", {}, "All hits as ", ["csv", "tsv", "json"].map(export_)),
      el("ul", { class: "files" }, rows),
    ];
  }
}

function link(path, name, text) {
  return el(
    "a",
    { href: address(path), download: name, "data-do": "download", "data-path": path },
    text,
  );
}

/** The length of each query, or else the furthest residue that a hit reaches. */
function lengthsOf(hits) {
  const lengths = new Map();
  for (const hit of hits) {
    lengths.set(
      hit.qseqid,
      Math.max(lengths.get(hit.qseqid) ?? 0, hit.qlen ?? Math.max(hit.qstart, hit.qend)),
    );
  }
  return lengths;
}

function cell({ name, number }, hit, length) {
  if (name === "qstart") return el("td", {}, hit.qstart && hit.qend ? place(hit, length) : "–");
  return number ? el("td", { class: "number" }, number(hit[name])) : el("td", {}, hit[name] ?? "–");
}

/** What is missing comes last among the ascending. */
function compared(one, other) {
  if (one === other) return 0;
  if (one === null || one === undefined) return 1;
  if (other === null || other === undefined) return -1;
  return typeof one === "string" ? one.localeCompare(other) : one - other;
}
