/** The form for a new search; the API's validation errors appear at their fields. */

import { ApiRejection, ApiUnavailable, get, newKey, post, postFile } from "./api.js";
import { el } from "./dom.js";

const PROGRAMS = [
  "blastn",
  "blastp",
  "blastx",
  "tblastn",
  "tblastx",
  "psiblast",
  "rpsblast",
  "rpstblastn",
];
/** Values of `-outfmt` with their labels; the first is the default. */
const OUTPUT_FORMATS = [
  ["6", "Table (6)"],
  ["0", "Pairwise text (0)"],
  ["5", "XML (5)"],
  ["7", "Table with comments (7)"],
  ["11", "Archive (11)"],
];
/** Names that the API uses for a field, besides the field's own. */
const FIELD_ALIASES = {
  database: "db",
  query_fasta: "query_data",
  query_blob_url: "query_data",
  query_file: "query_data",
  options: "additional_options",
};

/** name, label, input mode, hint */
const OPTIONS = [
  ["evalue", "E-value threshold", "decimal", "For example 1e-20"],
  ["max_target_seqs", "Maximum targets", "numeric", "1 to 50,000 per query"],
  ["word_size", "Word size", "numeric", ""],
  ["perc_identity", "Minimum identity in %", "decimal", ""],
  ["batch_len", "Residues per batch", "numeric", "Batches are searched in parallel"],
  ["additional_options", "Additional options", "text", "BLAST+ command-line options"],
];
const FIELDS = new Set([
  ...["job_title", "program", "db", "query_data", "outfmt"],
  ...OPTIONS.map(([name]) => name),
]);

export class SubmitView {
  name = "New search";
  databases = null;
  /** Error messages by field. */
  faults = {};
  message = "";
  isSending = false;
  /** Stays the same until the form changes, so that a repeated request makes one search. */
  #idempotencyKey = newKey();

  /** Load the databases to suggest; without them the field takes any name. */
  async load(signal) {
    if (this.databases) return;
    try {
      this.databases = (await get("blast/databases", signal)).databases;
    } catch (error) {
      if (!(error instanceof ApiRejection) || error.status === 401) throw error;
      this.databases = [];
    }
  }

  interval() {
    return Infinity;
  }

  takeNotices() {
    return [];
  }

  onChange() {
    this.#idempotencyKey = newKey();
  }

  /** The id of the submitted job; null if the form has errors to show. */
  async send(form) {
    this.isSending = true;
    try {
      const { job_id } = await post("blast/jobs", await requestBody(form), this.#idempotencyKey);
      return job_id;
    } catch (error) {
      if (error instanceof ApiUnavailable)
        this.#setErrors(`${error.message} Submit again: it will not create a second search.`, []);
      else if (error instanceof ApiRejection && error.status !== 401)
        this.#setErrors(error.message, error.faults);
      else throw error;
      return null;
    } finally {
      this.isSending = false;
    }
  }

  #setErrors(message, faults) {
    this.faults = {};
    const otherMessages = [];
    for (const { loc, msg } of faults) {
      const name = FIELD_ALIASES[loc[0]] ?? loc[0];
      if (FIELDS.has(name))
        this.faults[name] = this.faults[name] ? `${this.faults[name]}; ${msg}` : msg;
      else otherMessages.push(`${loc.join(".")}: ${msg}`);
    }
    const number = Object.keys(this.faults).length;
    const fields = number === 1 ? "field" : `${number} fields`;
    const summary = number
      ? `The search was not accepted: correct the ${fields} below.`
      : message;
    this.message = [summary, ...otherMessages].join(" ");
  }

  render() {
    return el(
      "form",
      { class: "submit", novalidate: true },
      el("h1", {}, "New search"),
      el(
        "p",
        { class: "message error", role: "alert", id: "faults", hidden: !this.message },
        this.message,
      ),
      this.#searchFields(),
      el(
        "details",
        {},
        el("summary", {}, "Options"),
        el("div", { class: "options" }, this.#optionFields()),
      ),
      el(
        "p",
        {},
        el(
          "button",
          { type: "submit", class: "primary", "aria-disabled": this.isSending ? "true" : null },
          this.isSending ? "Submitting …" : "Submit search",
        ),
      ),
    );
  }

  #searchFields() {
    const title = el("input", { maxlength: 200, autocomplete: "off" });
    const programs = PROGRAMS.map((name) => el("option", { value: name }, name));
    const database = el("input", {
      list: "databases",
      autocomplete: "off",
      spellcheck: "false",
      "aria-required": "true",
    });
    const databases = (this.databases ?? []).map(({ name, prefix, title }) =>
      el("option", { value: prefix === name ? name : `${prefix}/${name}` }, title ?? name),
    );
    const query = el("textarea", { rows: 8, spellcheck: "false", autocapitalize: "off" });
    const queryHint = "FASTA: a line with > and a name, then the sequence";
    const file = { type: "file", name: "file", accept: ".fa,.fasta,.fna,.faa,.gz,.txt,text/plain" };
    return [
      this.#field("job_title", "Title", title, "Optional"),
      el(
        "div",
        { class: "pair" },
        this.#field("program", "Program", el("select", {}, programs)),
        this.#field("db", "Database", database),
      ),
      el("datalist", { id: "databases" }, databases),
      this.#field("query_data", "Query", query, queryHint),
      el("label", { class: "file" }, "or a file ", el("input", file)),
    ];
  }

  #optionFields() {
    const formats = OUTPUT_FORMATS.map(([value, text]) => el("option", { value }, text));
    const hint = "The page shows hits from tables and XML";
    const options = OPTIONS.map(([name, label, inputmode, hint]) => {
      const input = el("input", { inputmode, autocomplete: "off", spellcheck: "false" });
      return this.#field(name, label, input, hint);
    });
    return [this.#field("outfmt", "Output format", el("select", {}, formats), hint), ...options];
  }

  #field(name, label, control, hint) {
    const fault = this.faults[name];
    const descriptions = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean);
    const attributes = {
      id: name,
      name,
      "aria-describedby": descriptions.join(" "),
      "aria-invalid": fault && "true",
    };
    for (const [key, value] of Object.entries(attributes))
      if (value) control.setAttribute(key, value);
    return el(
      "div",
      { class: "field", "data-key": name },
      el("label", { for: name }, label),
      control,
      hint ? el("span", { class: "muted", id: `${name}-hint` }, hint) : null,
      fault ? el("span", { class: "fault", id: `${name}-fault` }, fault) : null,
    );
  }
}

/**
 * The filled-in fields; the API has defaults for the others. A file counts only without pasted text.
 * Its bytes are uploaded as they are: the API names what is wrong with their encoding.
 */
async function requestBody(form) {
  const values = new FormData(form);
  const file = values.get("file");
  values.delete("file");
  const body = Object.fromEntries([...values].filter(([, text]) => text.trim() !== ""));
  if (!body.query_data && file?.size)
    body.query_blob_url = (await postFile("blast/upload-query", "query_file", file)).blob_url;
  return body;
}
