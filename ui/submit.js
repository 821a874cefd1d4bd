/** The form of a new search; what the API finds wrong stands at the field that it is about. */

import { Away, get, newKey, post, Refused } from "./api.js";
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
const FORMATS = {
  6: "Table (6)",
  7: "Table with comments (7)",
  5: "XML (5)",
  11: "Archive (11)",
  0: "Pairwise text (0)",
};
const ALSO = {
  database: "db",
  query_fasta: "query_data",
  query_blob_url: "query_data",
  query_file: "query_data",
  options: "additional_options",
};

/** name, label, kind, hint */
const OPTIONS = [
  ["evalue", "E-value up to", "decimal", "Such as 1e-20"],
  ["max_target_seqs", "Most targets", "numeric", "1 to 50,000 for each query"],
  ["word_size", "Word size", "numeric", ""],
  ["perc_identity", "Identity at least, in %", "decimal", ""],
  ["batch_len", "Residues in a batch", "numeric", "Smaller batches are searched side by side"],
  ["additional_options", "More options", "text", "As BLAST+ reads them"],
];

export class Submit {
  name = "New search";
  databases = null;
  faults = {};
  message = "";
  sending = false;
  /** Sent again as it is, the same search; changed, another. */
  #key = newKey();

  /** Names to choose from, where the API tells them. */
  async load(signal) {
    if (this.databases) return;
    try {
      this.databases = (await get("blast/databases", signal)).databases;
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 401) throw error;
      this.databases = [];
    }
  }

  pace() {
    return Infinity;
  }

  news() {
    return [];
  }

  changed() {
    this.#key = newKey();
  }

  /** The id of the job, or null where there are faults to show. */
  async send(form) {
    this.sending = true;
    try {
      const { job_id } = await post("blast/jobs", await bodyOf(form), this.#key);
      return job_id;
    } catch (error) {
      if (error instanceof Away)
        this.#show(
          `${error.message} Send it again: however often it is sent, it is one search.`,
          [],
        );
      else if (error instanceof Refused && error.status !== 401)
        this.#show(error.message, error.faults);
      else throw error;
      return null;
    } finally {
      this.sending = false;
    }
  }

  #show(message, faults) {
    const fields = new Set([
      "job_title",
      "program",
      "db",
      "query_data",
      "outfmt",
      ...OPTIONS.map(([name]) => name),
    ]);
    this.faults = {};
    const others = [];
    for (const { loc, msg } of faults) {
      const name = ALSO[loc[0]] ?? loc[0];
      if (fields.has(name))
        this.faults[name] = this.faults[name] ? `${this.faults[name]}; ${msg}` : msg;
      else others.push(`${loc.join(".")}: ${msg}`);
    }
    const number = Object.keys(this.faults).length;
    this.message = [
      number
        ? `The search was not accepted: see the ${number === 1 ? "field" : `${number} fields`} below.`
        : message,
      ...others,
    ].join(" ");
  }

  render() {
    const names = (this.databases ?? []).map(({ name, prefix, title }) =>
      el("option", { value: prefix === name ? name : `${prefix}/${name}` }, title ?? name),
    );
    return el(
      "form",
      { class: "submit", novalidate: true },
      el("h1", {}, "New search"),
      el(
        "p",
        { class: "why wrong", role: "alert", id: "faults", hidden: !this.message },
        this.message,
      ),
      this.#field(
        "job_title",
        "Title",
        el("input", { maxlength: 200, autocomplete: "off" }),
        "For people; may be left empty",
      ),
      el(
        "div",
        { class: "pair" },
        this.#field(
          "program",
          "Program",
          el(
            "select",
            {},
            PROGRAMS.map((name) => el("option", { value: name }, name)),
          ),
        ),
        this.#field(
          "db",
          "Database",
          el("input", {
            list: "databases",
            autocomplete: "off",
            spellcheck: "false",
            "aria-required": "true",
          }),
        ),
      ),
      el("datalist", { id: "databases" }, names),
      this.#field(
        "query_data",
        "Query",
        el("textarea", { rows: 8, spellcheck: "false", autocapitalize: "off" }),
        "FASTA: a line with > and a name, then the sequence",
      ),
      el(
        "label",
        { class: "file" },
        "or a file ",
        el("input", { type: "file", name: "file", accept: ".fa,.fasta,.fna,.faa,.txt,text/plain" }),
      ),
      el(
        "details",
        {},
        el("summary", {}, "Options"),
        el("div", { class: "options" }, this.#options()),
      ),
      el(
        "p",
        {},
        el(
          "button",
          { type: "submit", class: "main", "aria-disabled": this.sending ? "true" : null },
          this.sending ? "Sending …" : "Submit search",
        ),
      ),
    );
  }

  #options() {
    const formats = Object.entries(FORMATS).sort(([one], [other]) =>
      one === "6" ? -1 : other === "6" ? 1 : 0,
    );
    const format = el(
      "select",
      {},
      formats.map(([value, text]) => el("option", { value }, text)),
    );
    const rest = OPTIONS.map(([name, label, mode, hint]) =>
      this.#field(
        name,
        label,
        el("input", { inputmode: mode, autocomplete: "off", spellcheck: "false" }),
        hint,
      ),
    );
    return [
      this.#field("outfmt", "Output format", format, "Tables and XML can be read here"),
      ...rest,
    ];
  }

  #field(name, label, control, hint) {
    const fault = this.faults[name];
    const about = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(" ");
    const said = {
      id: name,
      name,
      "aria-describedby": about || null,
      "aria-invalid": fault ? "true" : null,
    };
    for (const [key, value] of Object.entries(said)) if (value) control.setAttribute(key, value);
    return el(
      "div",
      { class: "field", "data-key": name },
      el("label", { for: name }, label),
      control,
      hint ? el("span", { class: "quiet", id: `${name}-hint` }, hint) : null,
      fault ? el("span", { class: "fault", id: `${name}-fault` }, fault) : null,
    );
  }
}

/** What was filled in; the rest is left to the API. A file is used as it is, and only if nothing was pasted. */
async function bodyOf(form) {
  const values = new FormData(form);
  const file = values.get("file");
  values.delete("file");
  const body = Object.fromEntries([...values].filter(([, text]) => text.trim() !== ""));
  if (!body.query_data && file?.size) body.query_data = await file.text();
  return body;
}
