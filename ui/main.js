/** Chooses the view for the address, draws it, runs the user's actions, and shows API errors. */

import { ApiRejection, ApiUnavailable, getBlob, isSignedIn, signIn } from "./api.js";
import { cancelConfirmation, deleteConfirmation } from "./confirmations.js";
import { button, el, morph } from "./dom.js";
import { JobView } from "./job.js";
import { JobListView } from "./list.js";
import { Poller } from "./poll.js";
import { copySharedLink, sharedLink } from "./share.js";
import { SubmitView } from "./submit.js";

const MAX_NOTICES = 3;
const byId = (id) => document.getElementById(id);
const main = byId("main");
const dialog = byId("dialog");
const unavailable = byId("unavailable");
let view;
let poller;

function viewFor(hash) {
  const [path, query = ""] = hash.split("?");
  const [, collection, id] = path.split("/");
  if (collection === "new") return new SubmitView(id);
  if (collection !== "jobs" || !id) return new JobListView();
  return new JobView(id, new URLSearchParams(query));
}

function openView() {
  poller?.stop();
  view?.close?.();
  view = viewFor(location.hash);
  const opened = view;
  view.redraw = () => {
    if (opened === view) draw();
  };
  main.replaceChildren();
  draw();
  poller = new Poller(
    (signal) => view.load(signal),
    () => view.interval(),
    pollListener(view),
  );
}

function draw() {
  const hadFocus = main.contains(document.activeElement);
  morph(main, el("main", { id: "main", tabindex: "-1" }, view.render()));
  view.onDrawn?.();
  if (hadFocus && !main.contains(document.activeElement)) main.focus();
  document.title = `${view.name} · ElasticBLAST`;
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === (location.hash || "#/")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Handles what a poll reports, unless the user has left the view. */
function pollListener(polledView) {
  const ifCurrent =
    (handler) =>
    (...args) => {
      if (polledView === view) handler(...args);
    };
  return {
    onSuccess: ifCurrent(() => {
      if (!unavailable.hidden) notify("The API answers again.");
      unavailable.hidden = true;
      draw();
      notify(view.takeNotices().join(". "));
    }),
    onUnavailable: ifCurrent((error, retryMs) => {
      // The same text each time, so that a screen reader reads it once.
      unavailable.firstElementChild.textContent = `${error.message} The data may be out of date. The page retries automatically.`;
      unavailable.hidden = false;
      unavailable.dataset.retryMs = retryMs;
    }),
    onRejection: ifCurrent((error) => {
      unavailable.hidden = true;
      if (error.status === 401) openSignIn(error);
      else showRejection(error);
    }),
  };
}

function showRejection(error) {
  main.replaceChildren(
    el("h1", {}, error.status === 404 ? "Not found" : "Request rejected"),
    el("p", { class: "message error" }, error.message),
    el("a", { href: "#/" }, "All searches"),
  );
}

/** Show a text for some seconds; screen readers read it. */
function notify(text) {
  if (!text) return;
  const notice = el("span", {}, text);
  notice.addEventListener("animationend", () => notice.remove());
  byId("notices").append(notice);
  if (byId("notices").children.length > MAX_NOTICES) byId("notices").firstChild.remove();
}

function openDialog(heading, ...children) {
  dialog.replaceChildren(el("h2", { id: "dialog-title" }, heading), ...children);
  if (!dialog.open) dialog.showModal();
}

function openSignIn(error) {
  byId("sign-in").hidden = false;
  const input = el("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    autofocus: true,
    "aria-describedby": "token-hint",
  });
  const hint = el(
    "p",
    { class: "muted", id: "token-hint" },
    "An access token for this API. The page keeps it in memory until it is closed.",
  );
  const buttons = el(
    "p",
    { class: "buttons" },
    button("close", "Not now"),
    el("button", { type: "submit", class: "primary" }, "Sign in"),
  );
  openDialog(
    "Sign in",
    error ? el("p", { class: "message" }, error.message) : null,
    el("form", { id: "token-form" }, el("label", { for: "token" }, "Token"), input, hint, buttons),
  );
}

/** Run an action of the user, show its success or error, and poll. */
async function runAction(action, successText) {
  try {
    await action();
    notify(successText);
  } catch (error) {
    if (error instanceof ApiRejection && error.status === 401) openSignIn(error);
    else if (error instanceof ApiRejection || error instanceof ApiUnavailable)
      notify(error.message);
    else throw error;
  }
  poller.pollNow();
}

function cancelSearch() {
  dialog.close();
  const successText = view.isCleanupPending
    ? "The cleanup starts within a minute."
    : "The search is being cancelled.";
  runAction(() => view.cancel(), successText);
}

function deleteSearch() {
  dialog.close();
  runAction(async () => {
    const isDeleted = await view.delete();
    notify(isDeleted ? "The search is deleted." : "The search is cancelled first, then deleted.");
  }, "");
}

/**
 * With a token the page requests the file, since a link cannot send the token; an export always, as
 * it may have to be waited for, and read in parts.
 */
function download(link, event) {
  if (!isSignedIn() && !("isExport" in link.dataset)) return;
  event.preventDefault();
  if ("isExport" in link.dataset) notify(`${link.download} is being prepared.`);
  runAction(async () => {
    const url = URL.createObjectURL(await getBlob(link.dataset.path));
    el("a", { href: url, download: link.download }).click();
    URL.revokeObjectURL(url);
  }, `${link.download} is saved.`);
}

function share({ dataset }) {
  runAction(async () => openDialog("Link to a file", ...(await sharedLink(dataset.path))), "");
}

async function copyLink() {
  const isCopied = await copySharedLink();
  if (isCopied) dialog.close();
  notify(isCopied ? "The link is copied." : "Copy the selected link with the keyboard.");
}

function skipToContent(_, event) {
  event.preventDefault();
  main.focus();
}

/** By `data-action`; other names are actions of the view. */
const ACTIONS = {
  "poll-now": () => poller.pollNow(),
  skip: skipToContent,
  close: () => dialog.close(),
  "sign-in": () => openSignIn(),
  "confirm-cancel": () => openDialog(...cancelConfirmation(view.job)),
  cancel: cancelSearch,
  "confirm-delete": () => openDialog(...deleteConfirmation(view.job)),
  delete: deleteSearch,
  retry: () => runAction(() => view.retry(), "The search runs again."),
  download,
  share,
  "copy-link": copyLink,
};

/** Run an action of the view, draw it at once, and load what it needs. */
function runViewAction(name, control) {
  const action = view.actions?.[name] ?? view.hits?.actions[name];
  action?.(control);
  // The address has what is shown, so that it can be linked to, and the browser can go back.
  if (view.address && view.address !== location.hash) history.pushState(null, "", view.address);
  draw();
  poller.pollNow();
}

async function submit() {
  const submittedView = view;
  await runAction(async () => {
    const sending = submittedView.send();
    draw();
    const jobId = await sending;
    if (submittedView !== view) return;
    if (jobId) location.hash = `#/jobs/${jobId}`;
    else showFaults();
  }, "");
}

/** Show the errors of the form and move the focus to the first wrong field. */
function showFaults() {
  draw();
  const invalid = [...main.querySelectorAll("[aria-invalid]")];
  for (const control of invalid) control.closest("details")?.setAttribute("open", "");
  (invalid[0] ?? main).focus();
}

document.addEventListener("click", (event) => {
  const control = event.target.closest("[data-action]");
  if (!control || control.getAttribute("aria-disabled") === "true") return;
  const name = control.dataset.action;
  if (ACTIONS[name]) ACTIONS[name](control, event);
  else {
    // A link to another state of the view changes it in place, unless it is to open elsewhere.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (control.href) event.preventDefault();
    runViewAction(name, control);
  }
});
document.addEventListener("change", (event) => {
  const { change } = event.target.dataset;
  if (change) runViewAction(change, event.target);
  else if (event.target.closest("form.submit")) view.onChange(event.target);
});
document.addEventListener("input", (event) => {
  const { target } = event;
  if (target.closest("form.submit") && !target.dataset.change) view.onChange(target);
});
for (const type of ["dragover", "drop"])
  document.addEventListener(type, (event) => {
    if (!view.takeFiles || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault(); // else the browser opens the file
    if (type === "drop") view.takeFiles([...event.dataTransfer.files]);
  });
document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id === "token-form") {
    signIn(byId("token").value);
    dialog.close();
    poller.pollNow();
  } else if (event.target.matches("form.submit") && !view.isSending) submit();
});
addEventListener("hashchange", () => {
  openView();
  main.focus();
});
openView();
