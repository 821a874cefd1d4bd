/** The fields of a program's options, with the defaults and ranges that the API names. */

import { el } from "./dom.js";
import { formatInteger, formatName } from "./format.js";

const LABELS = {
  outfmt: "Output format",
  evalue: "E-value threshold",
  max_target_seqs: "Maximum targets",
  gap_open: "Cost to open a gap",
  gap_extend: "Cost to extend a gap",
  taxid: "Only these taxonomy ids",
  low_complexity_filter: "Mask low complexity",
  perc_identity: "Minimum identity in %",
  qcov_hsp_perc: "Minimum query coverage in %",
  comp_based_stats: "Composition-based statistics",
  threshold: "Threshold of neighboring words",
  batch_len: "Residues per batch",
};
const HINTS = {
  outfmt: "The page shows hits of XML and tables",
  taxid: "Separated by commas",
  batch_len: "Batches are searched in parallel",
};
const FORMATS = {
  0: "Pairwise text",
  5: "XML",
  6: "Table",
  7: "Table with comments",
  10: "CSV",
  11: "Archive",
  12: "Seqalign as JSON",
  15: "JSON",
  16: "XML 2",
  17: "SAM",
  18: "Organism report",
};
/** The largest integer that BLAST+ takes; no bound that a person thinks of. */
const UNBOUNDED = 999_999_999;

export function optionLabel({ name }) {
  return LABELS[name] ?? sentence(formatName(name));
}

/** The control of an option; its value is empty for the default. */
export function optionControl({ name, kind, choices, default: value }) {
  if (kind === "choice" || kind === "boolean") {
    const words = choices?.map((choice) => [choice, choiceText(name, choice)]);
    const known = words ?? [
      ["true", "yes"],
      ["false", "no"],
    ];
    const fallback = known.find(([choice]) => choice === value)?.[1] ?? value;
    const options = [["", fallback ? `Default: ${fallback}` : "Default"], ...known];
    return el(
      "select",
      {},
      options.map(([choice, text]) => el("option", { value: choice, "data-key": `=${choice}` }, text)),
    );
  }
  const inputmode = { integer: "numeric", number: "decimal" }[kind] ?? "text";
  return el("input", { inputmode, autocomplete: "off", spellcheck: "false" });
}

/** What an option takes, and what it is by default, in words. */
export function optionHint(option) {
  const { name, kind, default: value } = option;
  const isChosen = kind === "choice" || kind === "boolean";
  const isNumeric = value !== undefined && !isChosen;
  const parts = [HINTS[name], range(option), isNumeric && `default ${formatInteger(value)}`];
  return sentence(parts.filter(Boolean).join("; "));
}

/** The value of an option as a submission has it. */
export function optionValue({ kind }, text) {
  return kind === "boolean" ? text === "true" : text.trim();
}

function range({ kind, minimum, maximum = Infinity, has_open_bounds: isOpen }) {
  if (minimum === undefined || (kind === "integer" && minimum > maximum)) return "";
  if (maximum < UNBOUNDED)
    return isOpen
      ? `more than ${minimum}, less than ${maximum}`
      : `${formatInteger(minimum)} to ${formatInteger(maximum)}`;
  return isOpen ? `more than ${minimum}` : `${formatInteger(minimum)} or more`;
}

function choiceText(name, choice) {
  if (name !== "outfmt") return choice;
  return `${FORMATS[choice] ?? "Text"} (${choice})`;
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
