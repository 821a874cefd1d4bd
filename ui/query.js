/** The field for the query: text or a file, its type, and a way to each line with a fault. */

import { ApiRejection, ApiUnavailable, get, jobPath, postFile } from "./api.js";
import { button, el } from "./dom.js";
import { formatBytes } from "./format.js";
import { lineRange, MAX_EDITABLE_BYTES, readFileStart, recogniseType } from "./sequence.js";

export const TYPE_NAMES = { nucl: "nucleotide", prot: "protein" };
const MIXED =
  "Some sequences look like nucleotides, some like proteins: a search takes one type only.";

/** The query of a form. Calls `onChange()` when the query is another one. */
export class QueryInput {
  #text = "";
  /** `{name, size, isUploading, abort, url?}`; null if the query is in the text field. */
  #file = null;
  /** A result of `recogniseType`. */
  #recognised = "";
  /** `[{msg}]`: why a file could not be taken, until there is another query. */
  faults = [];

  constructor(onChange) {
    this.onChange = onChange;
  }

  /** `nucl`, `prot`, or "" if unknown. */
  get type() {
    return this.#recognised in TYPE_NAMES ? this.#recognised : "";
  }

  get isUploading() {
    return Boolean(this.#file?.isUploading);
  }

  /** The fields of a submission; none without a query. */
  toRequest() {
    if (this.#file) return { query_blob_url: this.#file.url };
    return this.#text.trim() ? { query_data: this.#text } : {};
  }

  setText(text) {
    this.#text = text;
    this.faults = [];
    this.#recognised = recogniseType(text);
  }

  /** Take a file as the query: a small text into the text field, any other one as an upload. */
  async takeFiles(files) {
    if (files.length !== 1) {
      this.faults = [{ msg: "give one file: a search has one query" }];
      this.onChange();
      return;
    }
    const [file] = files;
    const start = await readFileStart(file);
    this.close();
    this.#file = null;
    if (start.isEditable) this.#showText(start.text);
    else await this.#upload(file, recogniseType(start.text));
  }

  /** Take the query of a job: a small one into the text field, any other one as it is in Blob. */
  async takeStored(jobId, path, label, signal) {
    let text = "";
    let size;
    try {
      ({ query_text: text, size_bytes: size } = await get(jobPath(jobId, "query"), signal));
    } catch (error) {
      if (!(error instanceof ApiRejection && error.code === "query_too_large")) throw error;
    }
    if (text && text.length <= MAX_EDITABLE_BYTES) this.#showText(text);
    else {
      const abort = new AbortController();
      this.#file = { name: label, size, isUploading: false, abort, url: path };
      this.#recognised = recogniseType(text);
      this.onChange();
    }
  }

  /** Cancel the upload, if one runs. */
  close() {
    this.#file?.abort.abort();
  }

  removeFile() {
    this.close();
    this.#file = null;
    this.#showText(this.#text);
  }

  #showText(text) {
    this.setText(text);
    document.getElementById("query_data").value = text;
    document.getElementById("file").value = "";
    this.onChange();
  }

  async #upload(file, recognised) {
    const abort = new AbortController();
    const attached = { name: file.name, size: file.size, isUploading: true, abort };
    this.#file = attached;
    this.#recognised = recognised;
    this.faults = [];
    this.onChange();
    try {
      const path = "blast/upload-query";
      attached.url = (await postFile(path, "query_file", file, abort.signal)).blob_url;
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!(error instanceof ApiRejection || error instanceof ApiUnavailable)) throw error;
      this.faults = error.faults?.length ? error.faults : [{ msg: error.message }];
    }
    attached.isUploading = false;
    this.onChange();
  }

  goToLine(line) {
    const field = document.getElementById("query_data");
    const [start, end] = lineRange(field.value, line);
    field.focus();
    field.setSelectionRange(start, end);
    field.scrollTop = ((line - 3) / field.value.split("\n").length) * field.scrollHeight;
  }

  /** `checked` are the faults that the API finds in the query. */
  render(checked) {
    const file = this.#file;
    const faults = [...this.faults, ...checked];
    const describedBy = ["query_data-hint", "query-type", faults.length && "query_data-fault"];
    const described = { "aria-describedby": describedBy.filter(Boolean).join(" ") };
    const invalid = { "aria-invalid": faults.length ? "true" : null };
    return el(
      "div",
      { class: "field query", "data-key": "query_data" },
      el("label", { for: "query_data" }, "Query"),
      el(
        "textarea",
        {
          ...{ id: "query_data", name: "query_data", rows: 8, wrap: "off", hidden: Boolean(file) },
          ...{ spellcheck: "false", autocapitalize: "off", autocomplete: "off" },
          ...described,
          ...(file ? {} : invalid),
        },
      ),
      file ? attachedFile(file) : null,
      el(
        "span",
        { class: "muted", id: "query_data-hint" },
        "FASTA: a line with > and a name, then the sequence. Or drop a file here, also one in gzip.",
      ),
      el(
        "label",
        { class: "file", for: "file" },
        "or a file ",
        el("input", {
          ...{ type: "file", id: "file", "data-change": "take-file" },
          ...{ accept: ".fa,.fasta,.fna,.faa,.ffn,.gz,.txt,text/plain" },
          ...described,
          ...(file ? invalid : {}),
        }),
      ),
      faults.length ? el("div", { class: "fault", id: "query_data-fault" }, faultList(faults, file)) : null,
      typeChoice(this.#recognised),
    );
  }
}

function attachedFile({ name, size, isUploading }) {
  return el(
    "p",
    { class: "attached" },
    el("span", { role: "status" }, `${isUploading ? "Uploading " : ""}${name}${size ? ` · ${formatBytes(size)}` : ""}`),
    " ",
    button("remove-file", isUploading ? "Cancel the upload" : "Remove the file"),
  );
}

function faultList(faults, file) {
  return el(
    "ul",
    {},
    faults.map(({ msg, line }) => {
      const attributes = { class: "plain", "data-line": line };
      const link = line && !file ? button("go-to-line", `Go to line ${line}`, attributes) : null;
      return el("li", {}, msg, " ", link);
    }),
  );
}

function typeChoice(recognised) {
  const name = TYPE_NAMES[recognised];
  const choices = [["", name ? `Recognised: ${name}` : "Not recognised yet"]];
  choices.push(["nucl", "Nucleotide"], ["prot", "Protein"]);
  return el(
    "div",
    { class: "query-type" },
    el("label", { for: "query_type" }, "Type of the query"),
    el(
      "select",
      { id: "query_type", name: "query_type" },
      choices.map(([value, text]) => el("option", { value, "data-key": `=${value}` }, text)),
    ),
    el(
      "span",
      { id: "query-type", class: recognised === "mixed" ? "fault" : "muted", role: "status" },
      recognised === "mixed" ? MIXED : "",
    ),
  );
}
