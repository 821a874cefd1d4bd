/** The choice of a database: a list with type, title and size, or a name. */

import { el } from "./dom.js";
import { formatBytes, formatCount } from "./format.js";

/** From this number on, the list has a filter. */
const MIN_FILTERED = 8;
/** The value of the choice whose database is named in a text field. */
export const BY_NAME = "by-name";
const GROUPS = [
  ["nucl", "Nucleotide databases"],
  ["prot", "Protein databases"],
];

/** What a submission names a database by. */
export function pathOf({ name, prefix }) {
  return prefix === name ? name : `${prefix}/${name}`;
}

/** The path as the `payload` of a job has it. */
export function fullPathOf({ container, prefix, name }) {
  return `${container}/${prefix}/${name}`;
}

/** The value of a database's radio button; two databases of one path differ in their type. */
export function valueOf(database) {
  return `${database.type}:${pathOf(database)}`;
}

/**
 * A group of radio buttons. `databases` is null while the list loads; `chosen` is the value of the
 * checked button, `name` the text of the name field.
 */
export function databaseChoice({ databases, chosen, name, filter, fault }) {
  const hasList = Boolean(databases?.length);
  const attributes = {
    role: "radiogroup",
    class: "field databases",
    "data-key": "db",
    tabindex: "-1",
    "aria-describedby": fault ? "db-fault" : null,
    "aria-required": "true",
    "aria-invalid": fault ? "true" : null,
  };
  return el(
    "fieldset",
    attributes,
    el("legend", {}, "Database"),
    databases === null ? el("p", { class: "muted" }, "Loading the databases …") : null,
    databases?.length >= MIN_FILTERED ? filterField() : null,
    hasList ? el("div", { class: "pair" }, groups(databases, chosen, filter)) : null,
    byName(hasList, chosen, name),
    fault ? el("span", { class: "fault", id: "db-fault" }, fault) : null,
  );
}

function filterField() {
  const attributes = { type: "search", name: "db_filter", autocomplete: "off" };
  return el("label", { class: "filter" }, "Filter the databases", el("input", attributes));
}

function groups(databases, chosen, filter) {
  const words = filter.toLowerCase().split(/\s+/);
  const isShown = (database) => {
    const text = `${pathOf(database)} ${database.title ?? ""}`.toLowerCase();
    return valueOf(database) === chosen || words.every((word) => text.includes(word));
  };
  return GROUPS.map(([type, heading]) => {
    const all = databases.filter((database) => database.type === type);
    if (!all.length) return null;
    const shown = all.filter(isShown);
    return el(
      "div",
      { "data-key": type },
      el("h3", { id: `databases-${type}` }, heading),
      el(
        "ul",
        { role: "list", "aria-labelledby": `databases-${type}` },
        shown.map((database) => item(database, chosen)),
      ),
      shown.length ? null : el("p", { class: "muted" }, "None matches the filter."),
    );
  });
}

function item(database, chosen) {
  const value = valueOf(database);
  const sizes = [
    database.sequences !== undefined && formatCount(database.sequences, "sequence"),
    database.letters !== undefined && formatCount(database.letters, "letter"),
    formatBytes(database.size_bytes),
    database.ready ? "" : "not complete: some of its files are missing",
  ];
  return el(
    "li",
    { "data-key": value },
    el(
      "label",
      {},
      el("input", { type: "radio", name: "db", value, checked: value === chosen }),
      el(
        "span",
        {},
        el("span", { class: "title" }, database.title ?? database.name),
        el("span", { class: "muted" }, `${pathOf(database)} · ${sizes.filter(Boolean).join(" · ")}`),
      ),
    ),
  );
}

/** The field for a database that is not in the list. */
function byName(hasList, chosen, name) {
  const input = el("input", {
    name: "db_name",
    value: name,
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "Name of the database",
  });
  if (!hasList) return input;
  const radio = { type: "radio", name: "db", value: BY_NAME, checked: chosen === BY_NAME };
  return el(
    "div",
    { class: "by-name", "data-key": BY_NAME },
    el("label", {}, el("input", radio), el("span", {}, "Another one, by its name")),
    chosen === BY_NAME ? input : null,
  );
}
