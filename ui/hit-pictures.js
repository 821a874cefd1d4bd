/** Pictures of all hits that pass the filter. */

import { histogram, lanes, rankedBars } from "./charts.js";
import { el } from "./dom.js";
import { formatCount, formatInteger } from "./format.js";
import { ofCoverage, ofEvalue, ofIdentity, ofOrganism } from "./hit-filters.js";

const MAX_SUBJECTS = 50;
const MAX_ORGANISMS = 20;

/** The pictures for the state of a HitsSection; null before they are loaded. */
export function renderPictures(hits) {
  const { stats } = hits.aggregate;
  const { taxonomy, coordinates, coverage } = hits.answers;
  if (!taxonomy || !coordinates || !coverage) return null;
  if (!stats.total_hits) return [];
  return [
    el(
      "div",
      { class: "charts" },
      histogram({
        caption: "Identity",
        distribution: stats.identity_distribution,
        low: "0 %",
        high: "100 %",
        linkTo: (range) => hits.linkTo(ofIdentity(range)),
      }),
      histogram({
        caption: "E-value",
        distribution: stats.evalue_distribution,
        low: "0 (best)",
        high: "1 or more",
        linkTo: (range) => hits.linkTo(ofEvalue(range)),
      }),
      coverageOfQueries(hits, coverage),
      organisms(hits, taxonomy),
    ),
    queryPicture(hits, coordinates),
  ];
}

/** What the best hit of each query covers, over all queries whatever the filter. */
function coverageOfQueries(hits, { total, without_hits, unknown, coverage_distribution }) {
  const withoutHits = `${formatInteger(without_hits)} without hits`;
  const parts = [
    `${formatCount(total, "query", "queries")}, `,
    without_hits ? hits.link({ view: "queries", queries: "none" }, withoutHits) : withoutHits,
    unknown ? `, ${formatInteger(unknown)} of unknown length` : "",
    ".",
  ];
  const isKnown = Object.values(coverage_distribution).some(Boolean);
  return el(
    "div",
    {},
    isKnown
      ? histogram({
          caption: "Queries by what their best hit covers",
          distribution: coverage_distribution,
          low: "0 %",
          high: "100 %",
          noun: "query",
          linkTo: (range) => hits.linkTo(ofCoverage(range)),
        })
      : null,
    el("p", { class: "muted" }, parts),
  );
}

function organisms(hits, { organisms: found, message }) {
  if (message) return el("p", { class: "muted" }, `Organisms: ${message}.`);
  const rows = found.slice(0, MAX_ORGANISMS).map(({ organism, taxid, count }) => ({
    name: organism || (taxid ? `taxid ${taxid}` : "unclassified"),
    count,
    link: taxid || organism ? hits.linkTo(ofOrganism({ taxid, organism })) : null,
  }));
  const rest = found.length > rows.length ? `, the first ${rows.length} shown` : "";
  return rankedBars(`${formatCount(found.length, "organism")}${rest}`, rows);
}

/** Where the best subjects of one query have hits. */
function queryPicture(hits, { columns, returned, filtered_hits }) {
  if (!hits.state.query_id) {
    return el(
      "p",
      { class: "muted" },
      "Choose a query, here or in the table of queries, to see where its subjects lie on it.",
    );
  }
  const subjects = new Map();
  for (let at = 0; at < returned; at += 1) {
    const id = columns.sseqid[at];
    if (!subjects.has(id) && subjects.size === MAX_SUBJECTS) continue;
    if (!subjects.has(id)) subjects.set(id, { name: id, spans: [] });
    subjects.get(id).spans.push({
      from: Math.min(columns.qstart[at], columns.qend[at]),
      to: Math.max(columns.qstart[at], columns.qend[at]),
      score: columns.bitscore[at],
    });
  }
  const of = returned < filtered_hits ? ` of the best ${formatInteger(returned)} hits` : "";
  const caption = `${formatCount(subjects.size, "subject")}${of} on ${hits.state.query_id}`;
  return lanes(caption, [...subjects.values()]);
}
