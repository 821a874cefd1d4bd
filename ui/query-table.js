/** The queries of a search, with and without hits, as a table. */

import { share } from "./charts.js";
import { el, scrollTable } from "./dom.js";
import { formatCount, formatDecimal, formatEvalue, formatInteger } from "./format.js";
import { pager, sortHeader } from "./hit-table.js";

const COLUMNS = [
  { name: "number", title: "No.", format: formatInteger },
  { name: "hits", title: "Hits", format: formatInteger },
  { name: "best_evalue", title: "Best e-value", format: formatEvalue },
  { name: "max_bitscore", title: "Best bit score", format: (value) => formatDecimal(value, 0) },
  {
    name: "length",
    title: "Length",
    format: (value) => (value === null ? "–" : formatInteger(value)),
  },
];
const CHOICES = { all: "All queries", some: "With hits", none: "Without hits" };

const ANY_COVERAGE = { min_query_cover: "", max_query_cover: "" };

/** The table for the state of a HitsSection; null before it is loaded. */
export function renderQueryTable(hits) {
  const found = hits.answers.queries;
  if (!found) return null;
  const [number, ...others] = COLUMNS;
  const head = [
    sortHeader(hits, number),
    el("th", { scope: "col" }, "Query"),
    ...others.map((column) => sortHeader(hits, column)),
    el("th", { scope: "col" }, "Covered by the best hit"),
    el("th", { scope: "col" }, "Covered by hits"),
  ];
  const rows = found.queries.map((query) =>
    el(
      "tr",
      {},
      el("td", { class: "number" }, formatInteger(query.number)),
      el("td", { class: "name", title: query.title }, nameOf(hits, query)),
      others.map(({ name, format }) => el("td", { class: "number" }, format(query[name]))),
      el("td", {}, query.query_cover === null ? "–" : share(query.query_cover)),
      el("td", {}, query.covered === null ? "–" : share(query.covered)),
    ),
  );
  const without = `${formatInteger(found.without_hits)} without hits`;
  return [
    el("p", { class: "muted" }, `${formatCount(found.total, "query", "queries")}, ${without}.`),
    el(
      "p",
      { class: "choices" },
      Object.entries(CHOICES).map(([queries, text]) =>
        hits.link({ queries, ...ANY_COVERAGE, page: "1" }, text, {
          "aria-current": hits.state.queries === queries ? "true" : null,
        }),
      ),
    ),
    coverageFilter(hits, found),
    scrollTable("Table of queries", head, rows, { class: "hits" }),
    pager(hits, found.page, found.pages, "queries"),
  ];
}

/** The range of coverage that a picture has set, and a link that removes it. */
function coverageFilter(hits, { matching }) {
  const { min_query_cover: from, max_query_cover: to } = hits.state;
  if (!from && !to) return null;
  const range = `${from || 0} to ${to || 100} %`;
  const text = `${formatCount(matching, "query", "queries")}: the best hit covers ${range}. `;
  return el("p", {}, text, hits.link({ ...ANY_COVERAGE, page: "1" }, "Any coverage"));
}

function nameOf(hits, { query_id, hits: count }) {
  return count ? hits.link({ view: "table", query_id }, query_id) : query_id;
}
