/** What the readiness check says of a planned search. */

import { el } from "./dom.js";
import { formatCount } from "./format.js";

const QUERY_CHECK = "fasta_format";
/** Checks whose faults are shown at their fields. */
const CHECKS_OF_FIELDS = new Set([QUERY_CHECK, "blast_db", "search_options"]);
const MISSING = { fasta_format: "a query", blast_db: "a database" };

/** A panel with the check's answer; `otherFaults` are those that no field shows. */
export function readinessPanel(check, otherFaults, faultCount) {
  return el(
    "section",
    { class: "readiness", "aria-labelledby": "readiness-title", "aria-busy": check.isRunning ? "true" : "false" },
    el("h2", { id: "readiness-title" }, "Readiness"),
    el("p", { role: "status" }, sentence(check, faultCount + otherFaults.length)),
    check.isRunning ? el("p", { class: "muted", "aria-hidden": "true" }, "Checking …") : null,
    el("ul", {}, [...otherFaults, ...details(check)].map((text) => el("li", {}, text))),
  );
}

function sentence({ result, trouble }, faultCount) {
  if (trouble) return `The form could not be checked: ${trouble}`;
  if (!result) return "The form is checked as you fill it in.";
  if (faultCount) return `${formatCount(faultCount, "fault")} to correct.`;
  const missing = result.checks.filter(({ status }) => status === "skip").map(({ id }) => MISSING[id]);
  if (missing.some(Boolean)) return `Still missing: ${missing.filter(Boolean).join(" and ")}.`;
  if (!result.ready) return "The search can be submitted, but may have to wait, or fail.";
  const query = result.checks.find(({ id }) => id === QUERY_CHECK);
  return `Ready to submit: ${query?.detail ?? "the query can be read"}.`;
}

/** The checks that did not pass, but those whose faults are at their fields, and warnings. */
function details({ result }) {
  if (!result) return [];
  const isAtField = ({ id }) => result.faults && CHECKS_OF_FIELDS.has(id);
  const checks = result.checks
    .filter((check) => ["fail", "warn"].includes(check.status) && !isAtField(check))
    .map(({ title, status, detail, action }) => {
      const heading = `${status === "fail" ? "Failed" : "Warning"}: ${title}`;
      return [heading, detail, action].filter(Boolean).join(" – ");
    });
  return [...checks, ...(result.warnings ?? [])];
}
