/** The form for a new search: checked as it is filled in, with each fault at its field. */

import { ApiRejection, ApiUnavailable, get, jobPath, newKey, post } from "./api.js";
import { ReadinessCheck } from "./check.js";
import { BY_NAME, databaseChoice, fullPathOf, pathOf, valueOf } from "./databases.js";
import { el } from "./dom.js";
import { faultText, sortFaults } from "./faults.js";
import { field } from "./field.js";
import { formatCount } from "./format.js";
import { optionControl, optionHint, optionLabel, optionValue } from "./options.js";
import { QueryInput, TYPE_NAMES } from "./query.js";
import { readinessPanel } from "./readiness.js";

/** Characters of a query that are checked as one types; a longer one is checked when submitted. */
const MAX_CHECKED_CHARS = 1_000_000;
const ADDITIONAL = {
  name: "additional_options",
  label: "Additional options",
  hint: "BLAST+ command-line options; they override the fields above",
};

export class SubmitView {
  name = "New search";
  /** From the API; null until loaded. */
  databases = null;
  programs = [];
  /** What the controls of the form have, by name. */
  values = { db: "", db_name: "", db_filter: "", query_type: "" };
  faults = {};
  /** Sentences about faults that no field shows. */
  otherFaults = [];
  message = "";
  isSending = false;
  redraw = () => {};
  #query = new QueryInput(() => this.#onQueryChange());
  #chosenProgram = "";
  #jobId;
  /** Fields of an earlier search that no control has. */
  #earlier = {};
  #notices = [];
  /** Stays the same until the form changes, so that a repeated request makes one search. */
  #idempotencyKey = newKey();
  #check = new ReadinessCheck(
    () => this.#request(),
    () => {
      this.#takeCheckedFaults();
      this.redraw();
    },
  );

  /** `jobId`: a search whose fields the form has at first. */
  constructor(jobId) {
    this.#jobId = jobId;
  }

  /** Load databases and programs; without the list, a database can still be named. */
  async load(signal) {
    if (this.databases) return;
    this.programs = (await get("blast/programs", signal)).programs;
    try {
      this.databases = (await get("blast/databases", signal)).databases;
    } catch (error) {
      if (!(error instanceof ApiRejection) || error.status === 401) throw error;
      this.databases = [];
    }
    if (this.#jobId) await this.#loadEarlier(signal);
  }

  /** Take the fields of an earlier search; those that the form does not show stay as they are. */
  async #loadEarlier(signal) {
    const { payload } = await get(jobPath(this.#jobId), signal);
    const { db, program, query_file: path, query_label: label, ...others } = payload;
    this.#chosenProgram = program;
    const type = this.programs.find(({ name }) => name === program)?.database_type;
    const listed = this.databases.find((one) => one.type === type && fullPathOf(one) === db);
    Object.assign(this.values, { db: listed ? valueOf(listed) : BY_NAME, db_name: listed ? "" : db });
    this.#earlier = others;
    await this.#query.takeStored(this.#jobId, path, label, signal);
  }

  interval() {
    return Infinity;
  }

  takeNotices() {
    return this.#notices.splice(0);
  }

  /** The user has left the page. */
  close() {
    this.#check.cancel();
    this.#query.close();
  }

  actions = {
    "remove-file": () => this.#query.removeFile(),
    "take-file": ({ files }) => this.takeFiles([...files]),
    "go-to-line": ({ dataset }) => this.#query.goToLine(Number(dataset.line)),
  };

  /** Read the controls, and check what they say. */
  onChange(control) {
    this.#idempotencyKey = newKey();
    if (control.name === "program") this.#chosenProgram = control.value;
    Object.assign(this.values, Object.fromEntries(new FormData(control.form)));
    if (control.name === "query_data") this.#query.setText(control.value);
    if (control.name !== "db_filter") this.#scheduleCheck();
    this.redraw();
  }

  /** After each redraw: a redraw changes which choices there are, not what is chosen. */
  onDrawn() {
    const select = document.getElementById("program");
    if (!select || !this.#program) return;
    select.value = this.#program.name;
    for (const [name, value] of Object.entries(this.#earlier)) {
      const control = select.form.elements[name];
      if (!control) continue;
      control.value = value;
      delete this.#earlier[name];
    }
    Object.assign(this.values, Object.fromEntries(new FormData(select.form)));
  }

  takeFiles(files) {
    return this.#query.takeFiles(files);
  }

  get #database() {
    return this.databases?.find((database) => valueOf(database) === this.values.db);
  }

  get #databaseName() {
    const { db, db_name: name } = this.values;
    return this.#database && db !== BY_NAME ? pathOf(this.#database) : name.trim();
  }

  get #queryType() {
    return this.values.query_type || this.#query.type;
  }

  /** The programs for the types of query and database, as far as these are known. */
  get #candidates() {
    const database = this.#database?.type;
    return this.programs.filter(
      ({ query_type: query, database_type: type }) =>
        (!this.#queryType || query === this.#queryType) && (!database || type === database),
    );
  }

  /** The program that the user chose, if it is for these types; else the usual one. */
  get #program() {
    const candidates = this.#candidates;
    return candidates.find(({ name }) => name === this.#chosenProgram) ?? candidates[0];
  }

  /** The filled-in fields as a submission; the API has defaults for the others. */
  #request() {
    const { values } = this;
    const query = this.#query.toRequest();
    const names = { program: this.#program?.name, db: this.#databaseName };
    const body = { ...this.#earlier, ...names, ...query };
    for (const option of this.#program?.options ?? [])
      if (values[option.name]?.trim())
        body[option.name] = optionValue(option, values[option.name]);
    for (const name of ["job_title", ADDITIONAL.name])
      if (values[name]?.trim()) body[name] = values[name];
    return body;
  }

  #scheduleCheck() {
    const { db, query_data: text, query_blob_url: url } = this.#request();
    if (!(db || text || url) || this.#query.isUploading || text?.length > MAX_CHECKED_CHARS) {
      this.#check.reset();
      this.#setFaults([]);
    } else this.#check.schedule();
  }

  #onQueryChange() {
    this.#idempotencyKey = newKey();
    this.#scheduleCheck();
    this.redraw();
  }

  #takeCheckedFaults() {
    if (!this.#check.result) return;
    this.#setFaults(this.#check.result.faults ?? []);
  }

  /** The id of the submitted job; null if the form has errors to show. */
  async send() {
    this.isSending = true;
    this.#check.cancel();
    try {
      return (await post("blast/jobs", this.#request(), this.#idempotencyKey)).job_id;
    } catch (error) {
      if (error instanceof ApiUnavailable)
        this.message = `${error.message} Submit again: it will not create a second search.`;
      else if (error instanceof ApiRejection && error.status !== 401) this.#setRejection(error);
      else throw error;
      return null;
    } finally {
      this.isSending = false;
    }
  }

  #setRejection({ message, faults }) {
    this.#setFaults(faults);
    const number = Object.keys(this.faults).length;
    const fields = number === 1 ? "field" : `${number} fields`;
    this.message = number ? `The search was not accepted: correct the ${fields} below.` : message;
    if (this.otherFaults.length) this.message += ` ${this.otherFaults.join(". ")}`;
  }

  #setFaults(faults) {
    const options = this.#program?.options.map(({ name }) => name) ?? [];
    const fields = new Set(["job_title", "program", "db", "query_data", ADDITIONAL.name, ...options]);
    const { byField, others } = sortFaults(faults, (name) => fields.has(name));
    Object.assign(this, { faults: byField, otherFaults: others, message: "" });
  }

  render() {
    const { message, values, databases, faults } = this;
    return el(
      "form",
      { class: "submit", novalidate: true },
      el("h1", {}, "New search"),
      el("p", { class: "message error", role: "alert", id: "faults", hidden: !message }, message),
      this.#query.render(faults.query_data ?? []),
      databaseChoice({
        databases,
        chosen: values.db,
        name: values.db_name,
        filter: values.db_filter,
        fault: faultText(faults.db),
      }),
      this.#programField(),
      this.#field("job_title", "Title", el("input", { maxlength: 200, autocomplete: "off" }), "Optional"),
      this.#options(),
      readinessPanel(this.#check, this.otherFaults, this.#query.faults.length + Object.values(faults).flat().length),
      this.#submitButton(),
    );
  }

  #programField() {
    const option = ({ name, query_type: query, database_type: database }) =>
      el(
        "option",
        { value: name, "data-key": name },
        `${name} – ${TYPE_NAMES[query]} query, ${TYPE_NAMES[database]} database`,
      );
    const number = this.#candidates.length;
    const types = [
      TYPE_NAMES[this.#queryType] && `${TYPE_NAMES[this.#queryType]} query`,
      TYPE_NAMES[this.#database?.type] && `${TYPE_NAMES[this.#database.type]} database`,
    ].filter(Boolean);
    const hint = types.length
      ? `${formatCount(number, "program")} for a ${types.join(" and a ")}`
      : "Query and database narrow the choice";
    return this.#field("program", "Program", el("select", {}, this.#candidates.map(option)), hint);
  }

  #options() {
    const fields = (this.#program?.options ?? []).map((option) =>
      this.#field(option.name, optionLabel(option), optionControl(option), optionHint(option)),
    );
    const input = el("input", { autocomplete: "off", spellcheck: "false" });
    return el(
      "details",
      {},
      el("summary", {}, "Options"),
      el("div", { class: "options" }, fields),
      this.#field(ADDITIONAL.name, ADDITIONAL.label, input, ADDITIONAL.hint),
    );
  }

  #submitButton() {
    const attributes = { type: "submit", class: "primary", "aria-disabled": this.isSending || null };
    return el(
      "p",
      {},
      el("button", attributes, this.isSending ? "Submitting …" : "Submit search"),
    );
  }

  #field(name, label, control, hint) {
    return field(name, label, control, hint, faultText(this.faults[name]));
  }
}
