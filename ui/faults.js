/** The faults of a form, by the field that shows each. */

/** Names that the API uses for a field, besides the field's own. */
const FIELD_ALIASES = {
  database: "db",
  query_fasta: "query_data",
  query_blob_url: "query_data",
  query_file: "query_data",
  options: "additional_options",
};

/** `{byField: {name: [{msg, line?}]}, others: [sentence]}` of the API's `[{loc, msg, line?}]`. */
export function sortFaults(faults, hasField) {
  const byField = {};
  const others = [];
  for (const { loc, msg, line } of faults) {
    const inOptions = loc[0] === "options" && loc.length > 1 ? loc[1] : loc[0];
    const name = FIELD_ALIASES[inOptions] ?? inOptions;
    if (hasField(name)) (byField[name] ??= []).push({ msg, line });
    else others.push(`${loc.join(".")}: ${msg}`);
  }
  return { byField, others };
}

/** The faults of a field as one text; "" without any. */
export function faultText(faults) {
  return (faults ?? []).map(({ msg }) => msg).join("; ");
}
