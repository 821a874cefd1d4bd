/** The filters of hits: their names in the address, their form, and those that pictures link to. */

import { button, el } from "./dom.js";

const MAX_SUGGESTED = 200;

/** The filters by their name in the API: the label of each, and the attributes of its input. */
const PERCENT = { type: "number", min: 0, max: 100, step: "any" };
const FIELDS = {
  query_id: ["Query", { list: "query-ids", type: "search" }],
  text: ["Text in ids and titles", { type: "search" }],
  min_identity: ["Identity from, %", PERCENT],
  max_identity: ["Identity up to, %", PERCENT],
  min_evalue: ["E-value from", { inputmode: "decimal" }],
  max_evalue: ["E-value up to", { inputmode: "decimal" }],
  taxid: ["Taxid", { inputmode: "numeric" }],
  organism: ["Organism", { type: "search" }],
};
/** Fields that are shown only while they have a value, which a picture has set. */
const ONLY_SET = new Set(["max_identity", "min_evalue", "taxid", "organism"]);

export const FILTERS = ["file", ...Object.keys(FIELDS)];
export const QUERY_FILTERS = ["min_query_cover", "max_query_cover"];

/** The form for the state of a HitsSection. */
export function renderFilters({ state, isFiltered, answers, files }) {
  const ids = answers.alignments?.query_ids ?? [];
  const options = ids.slice(0, MAX_SUGGESTED).map((value) => el("option", { value }));
  const fields = Object.entries(FIELDS)
    .filter(([name]) => state[name] || !ONLY_SET.has(name))
    .map(([name, [label, attributes]]) =>
      el(
        "label",
        { "data-key": name },
        label,
        el("input", { name, value: state[name], "data-change": "filter", ...attributes }),
      ),
    );
  const names = files.map((file) => file.name);
  return el(
    "form",
    { class: "choices", "aria-label": "Filters" },
    fields,
    el("datalist", { id: "query-ids" }, options),
    names.length > 1 ? dropdown("file", "File", names, state.file) : null,
    isFiltered ? button("clear-filters", "Clear filters") : null,
  );
}

/** The hits in a range of identity such as `90 to 95`; each range begins with its lower edge. */
export function ofIdentity(range) {
  const [low, high] = edges(range);
  return {
    view: "table",
    min_identity: low ? String(low) : "",
    max_identity: high === 100 ? "" : below(high),
  };
}

/** The hits in a range of e-values such as `1e-50 to 1e-20` or `1 and more`. */
export function ofEvalue(range) {
  const [low, high] = edges(range);
  return {
    view: "table",
    min_evalue: low ? String(low) : "",
    max_evalue: high === null ? "" : below(high),
  };
}

/** The hits of an organism. */
export function ofOrganism({ taxid, organism }) {
  const [first] = taxid.split(";");
  return first && first !== "N/A"
    ? { view: "table", taxid: first }
    : { view: "table", organism };
}

/** The queries of whose letters the best hit covers this percentage, such as `70 to 75`. */
export function ofCoverage(range) {
  const [low, high] = edges(range);
  return {
    view: "queries",
    queries: "some",
    min_query_cover: low ? String(low) : "",
    max_query_cover: high === 100 ? "" : below(high),
  };
}

function edges(range) {
  const [low, high] = range.split(" to ");
  return [Number.parseFloat(low), high === undefined ? null : Number(high)];
}

/** The largest value below an edge, as BLAST+ writes at most six digits. */
function below(edge) {
  const step = 10 ** (Math.ceil(Math.log10(edge)) - 6);
  return String(Number((edge - step).toPrecision(6)));
}

function dropdown(name, label, values, selected) {
  const option = (value, text) => el("option", { value, selected: value === selected }, text);
  const options = [option("", "All files"), ...values.map((value) => option(value, value))];
  return el("label", {}, label, el("select", { name, "data-change": "filter" }, options));
}
