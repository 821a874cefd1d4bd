/** What a dialog asks before an action that cannot be undone: its heading, text and buttons. */

import { button, el } from "./dom.js";
import { isTerminal, jobTitle } from "./format.js";

export function cancelConfirmation(job) {
  const consequence = "its running jobs are stopped, and it has no results.";
  const texts = ["Keep running", "cancel", "Cancel search"];
  return confirmation("Cancel this search?", job, consequence, ...texts);
}

export function deleteConfirmation(job) {
  const consequence = isTerminal(job)
    ? "its results are deleted, too."
    : "it is cancelled, and deleted with its results once nothing of it is left on the cluster.";
  const texts = ["Keep it", "delete", "Delete search"];
  return confirmation("Delete this search?", job, consequence, ...texts);
}

/** The harmless answer has the focus. */
function confirmation(question, job, consequence, keepText, action, actionText) {
  const keep = button("close", keepText, { autofocus: true });
  const confirm = button(action, actionText, { class: "danger" });
  const text = `${jobTitle(job)}: ${consequence}`;
  return [question, el("p", {}, text), el("p", { class: "buttons" }, keep, confirm)];
}
