/** A page of hits as a table, and the alignment of a hit in letters. */

import { alignmentText } from "./alignment.js";
import { queryPosition } from "./charts.js";
import { button, el, scrollTable } from "./dom.js";
import { formatCount, formatDecimal, formatEvalue, formatInteger } from "./format.js";

/** `format` is there for numbers. Those that matter most are first: a narrow table scrolls. */
const COLUMNS = [
  { name: "qseqid", title: "Query" },
  { name: "sseqid", title: "Subject" },
  { name: "pident", title: "Identity %", format: (value) => formatDecimal(value, 1) },
  { name: "evalue", title: "E-value", format: formatEvalue },
  { name: "bitscore", title: "Bit score", format: (value) => formatDecimal(value, 0) },
  { name: "length", title: "Length", format: (value) => formatDecimal(value, 0) },
  { name: "qstart", title: "Query position" },
];
const NO_LETTERS =
  "The files have no letters of the alignments: search with outfmt 5, or with the columns qseq and sseq, to see them.";

/** The table for the state of a HitsSection; null before it is loaded. */
export function renderHitTable(hits) {
  const found = hits.answers.alignments;
  if (!found) return null;
  if (!found.filtered_hits) return [];
  const { alignments, page, pages, page_size } = found;
  const lengths = queryLengths(alignments);
  const rows = alignments.flatMap((hit, index) => rowsOf(hits, hit, String(index), lengths));
  const first = (page - 1) * page_size;
  return [
    el("p", { class: "muted" }, rangeText(found, first)),
    el(
      "p",
      { class: "choices" },
      hits.state.sort_by === "relevance"
        ? el("span", { class: "muted" }, "Best subjects first, with their hits together.")
        : hits.link({ sort_by: "relevance", sort_dir: "asc", page: "1" }, "Best subjects first"),
    ),
    scrollTable(
      "Table of hits",
      COLUMNS.map((column) => sortHeader(hits, column)),
      rows,
      { class: "hits" },
    ),
    pager(hits, page, pages, "hits"),
  ];
}

function rangeText({ alignments, filtered_hits, total_hits }, first) {
  const shown = alignments.length
    ? `${formatInteger(first + 1)} to ${formatInteger(first + alignments.length)}`
    : "None";
  const of = filtered_hits < total_hits ? `${formatInteger(filtered_hits)} of ` : "";
  return `${shown} of ${of}${formatCount(total_hits, "hit")}. Bars show where a hit lies on its query, arrows its direction. If the file has no query lengths, a bar ends at the query's last hit.`;
}

/** A heading that sorts by its column, and shows the order. */
export function sortHeader(hits, { name, title, format }) {
  const { sort_by, sort_dir } = hits.state;
  const isSorted = sort_by === name;
  const isDescending = isSorted && sort_dir === "desc";
  const order = isSorted ? (isDescending ? "descending" : "ascending") : "none";
  const arrow = isSorted ? (isDescending ? " ↓" : " ↑") : " ↕";
  const changes = { sort_by: name, sort_dir: isSorted && !isDescending ? "desc" : "asc", page: "1" };
  const attributes = { scope: "col", "aria-sort": order, class: format ? "number" : null };
  const content = [title, el("span", { "aria-hidden": "true" }, arrow)];
  return el("th", attributes, showButton(content, changes, { class: "plain" }));
}

/** A button that changes the state of a HitsSection. */
function showButton(text, changes, attributes) {
  return button("show", text, { "data-changes": JSON.stringify(changes), ...attributes });
}

/** Links to the first, previous, next and last page, and the number of the page. */
export function pager(hits, page, pages, noun) {
  if (pages <= 1) return null;
  const turn = (text, target) =>
    showButton(text, { page: String(target) }, {
      disabled: target < 1 || target > pages || target === page,
    });
  return el(
    "p",
    { class: "pager" },
    turn(`First ${noun}`, 1),
    turn(`Previous ${noun}`, page - 1),
    el("span", { class: "muted" }, `Page ${formatInteger(page)} of ${formatInteger(pages)}`),
    turn(`Next ${noun}`, page + 1),
    turn(`Last ${noun}`, pages),
  );
}

function rowsOf(hits, hit, key, lengths) {
  const isOpen = hits.openAlignments.has(key);
  const toggle = button("alignment", isOpen ? "▾" : "▸", {
    class: "plain toggle",
    "data-hit": key,
    "aria-expanded": String(isOpen),
    "aria-label": `Alignment of ${hit.qseqid} and ${hit.sseqid}`,
  });
  const cells = COLUMNS.map((column) => cell(column, hit, lengths.get(hit.qseqid), toggle));
  const row = el("tr", { "data-key": `hit-${key}` }, cells);
  if (!isOpen) return [row];
  const text = alignmentText(hit);
  const content = text
    ? el("pre", { tabindex: "0", "aria-label": "Alignment" }, text)
    : el("p", { class: "muted" }, NO_LETTERS);
  const title = hit.stitle ? el("p", {}, hit.stitle) : null;
  const detail = el("td", { colspan: COLUMNS.length }, title, content);
  return [row, el("tr", { class: "alignment", "data-key": `alignment-${key}` }, detail)];
}

function cell({ name, format }, hit, queryLength, toggle) {
  if (name === "qstart")
    return el("td", {}, hit.qstart && hit.qend ? queryPosition(hit, queryLength) : "–");
  if (format) return el("td", { class: "number" }, format(hit[name]));
  const text = hit[name] ?? "–";
  if (name === "qseqid") return el("td", { class: "name" }, text);
  const subject = el("div", { class: "subject" }, toggle, text);
  return el("td", { class: "name", title: hit.stitle }, subject);
}

/** The length of each query; where the file has none, the last residue that a hit covers. */
function queryLengths(hits) {
  const lengths = new Map();
  for (const { qseqid, qlen, qstart, qend } of hits) {
    lengths.set(qseqid, Math.max(lengths.get(qseqid) ?? 0, qlen ?? Math.max(qstart, qend)));
  }
  return lengths;
}
