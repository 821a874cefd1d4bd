/** Pictures of all hits that pass the filter. */

import { histogram, lanes, rankedBars } from "./charts.js";
import { el } from "./dom.js";
import { formatCount, formatInteger } from "./format.js";

const MAX_SUBJECTS = 50;
const MAX_ORGANISMS = 20;

/** The pictures for the state of a HitsSection; null before they are loaded. */
export function renderPictures(hits) {
  const { stats } = hits.aggregate;
  const { taxonomy, coordinates } = hits.answers;
  if (!taxonomy || !coordinates) return null;
  if (!stats.total_hits) return [];
  return [
    el(
      "div",
      { class: "charts" },
      histogram("Identity", stats.identity_distribution, "0 %", "100 %"),
      histogram("E-value", stats.evalue_distribution, "0 (best)", "1 or more"),
      organisms(taxonomy),
    ),
    queryPicture(hits, coordinates),
  ];
}

function organisms({ organisms: found, message }) {
  if (message) return el("p", { class: "muted" }, `Organisms: ${message}.`);
  const rows = found.slice(0, MAX_ORGANISMS).map(({ organism, taxid, count }) => ({
    name: organism || (taxid ? `taxid ${taxid}` : "unclassified"),
    count,
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
