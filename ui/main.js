/** Which view is shown, what people do in it, and what is said when the API is away. */

import { Away, download, isSignedIn, newKey, post, Refused, signIn } from "./api.js";
import { el, morph } from "./dom.js";
import { Job } from "./job.js";
import { List } from "./list.js";
import { Poll } from "./poll.js";
import { Submit } from "./submit.js";
import { title } from "./words.js";

const at = (id) => document.getElementById(id);
const main = at("main");
const dialog = at("dialog");
const MOST_NEWS = 3;
let view;
let poll;

function open() {
  const [, place, id, part] = location.hash.split("/");
  poll?.stop();
  if (place === "new") view = new Submit();
  else if (place === "jobs" && id) view = part === "searches" ? new List(id) : new Job(id);
  else view = new List();
  main.replaceChildren();
  show();
  poll = new Poll(
    (signal) => view.load(signal),
    () => view.pace(),
    heard(view),
  );
}

/** Draw the view as it is now. */
function show() {
  const hadFocus = main.contains(document.activeElement);
  morph(
    main,
    el("main", { id: "main", tabindex: "-1", "data-view": view.constructor.name }, view.render()),
  );
  if (hadFocus && !main.contains(document.activeElement)) main.focus();
  document.title = `${view.name} · ElasticBLAST`;
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === (location.hash || "#/")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function heard(asked) {
  const still =
    (act) =>
    (...told) =>
      asked === view && act(...told);
  return {
    well: still(() => {
      if (!at("away").hidden) say("The API answers again.");
      at("away").hidden = true;
      show();
      const news = view.news();
      if (news.length) say(news.join(". "));
    }),
    away: still((error, wait) => {
      // The same words each time: a screen reader says them once.
      at("away").firstElementChild.textContent =
        `${error.message} What you see may be old; it is tried again by itself.`;
      at("away").hidden = false;
      at("away").dataset.wait = wait;
    }),
    refused: still((error) => {
      at("away").hidden = true;
      if (error.status === 401) askForToken(error);
      else
        main.replaceChildren(
          el("h1", {}, "Not found here"),
          el("p", { class: "why wrong" }, error.message),
          el("a", { href: "#/" }, "All searches"),
        );
    }),
  };
}

function say(text) {
  if (!text) return;
  const told = el("span", {}, text);
  told.addEventListener("animationend", () => told.remove());
  at("news").append(told);
  if (at("news").children.length > MOST_NEWS) at("news").firstChild.remove();
}

function ask(heading, ...children) {
  dialog.replaceChildren(el("h2", { id: "dialog-title" }, heading), ...children);
  if (!dialog.open) dialog.showModal();
}

function askForToken(error) {
  at("sign-in").hidden = false;
  const input = el("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    autofocus: true,
    "aria-describedby": "token-hint",
  });
  const hint = el(
    "p",
    { class: "quiet", id: "token-hint" },
    "An access token of this API. It is kept in the memory of this page alone, until it is closed.",
  );
  const buttons = el(
    "p",
    { class: "buttons" },
    el("button", { type: "button", "data-do": "close" }, "Not now"),
    el("button", { type: "submit", class: "main" }, "Sign in"),
  );
  ask(
    "Sign in",
    error ? el("p", { class: "why" }, error.message) : null,
    el("form", { id: "token-form" }, el("label", { for: "token" }, "Token"), input, hint, buttons),
  );
}

function askToCancel() {
  const said = `${title(view.job)}: whatever of it runs is stopped, and it has no results then.`;
  const keep = el("button", { type: "button", "data-do": "close", autofocus: true }, "Let it run");
  const stop = el(
    "button",
    { type: "button", class: "danger", "data-do": "really-cancel" },
    "Cancel search",
  );
  ask("Cancel this search?", el("p", {}, said), el("p", { class: "buttons" }, keep, stop));
}

/** Do what a person asked for, and say how it went. */
async function attempt(act, done) {
  try {
    await act();
    say(done);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) askForToken(error);
    else if (error instanceof Refused || error instanceof Away) say(error.message);
    else throw error;
  }
  poll.now();
}

/** With a token a link is fetched with it; without one the browser follows it by itself. */
function save(link, event) {
  if (!isSignedIn()) return;
  event.preventDefault();
  attempt(async () => {
    const url = URL.createObjectURL(await download(link.dataset.path));
    el("a", { href: url, download: link.download }).click();
    URL.revokeObjectURL(url);
  }, `${link.download} is saved.`);
}

const ACTIONS = {
  now: () => poll.now(),
  skip: (_, event) => (event.preventDefault(), main.focus()),
  close: () => dialog.close(),
  "sign-in": () => askForToken(),
  cancel: askToCancel,
  "really-cancel": () => {
    dialog.close();
    const said = view.mayBeLeft ? "The clean-up begins within a minute." : "The search is being cancelled.";
    attempt(() => view.cancel(), said);
  },
  retry: () => attempt(() => view.retry(), "The search runs again."),
  download: save,
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  const name = button.dataset.do;
  if (ACTIONS[name]) ACTIONS[name](button, event);
  else chosen(name, button);
});

/** An action of the view itself: it is drawn at once, and asked for whatever is new in it. */
function chosen(name, control) {
  const known = view.actions?.[name] ?? view.hits?.actions[name];
  known?.(control);
  show();
  poll.now();
}

document.addEventListener("change", (event) => {
  const { change } = event.target.dataset;
  if (change) chosen(change, event.target);
  else if (event.target.closest("form.submit")) view.changed();
});
document.addEventListener(
  "input",
  (event) => event.target.closest("form.submit") && view.changed(),
);

document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id === "token-form") {
    signIn(at("token").value);
    dialog.close();
    poll.now();
  } else if (!view.sending) submit(event.target);
});

async function submit(form) {
  const sent = view;
  await attempt(async () => {
    const sending = sent.send(form);
    show();
    const id = await sending;
    if (sent !== view) return;
    if (id) location.hash = `#/jobs/${id}`;
    else point();
  }, "");
}

/** Show the faults of the form, and go to the first of them. */
function point() {
  show();
  const wrong = [...main.querySelectorAll("[aria-invalid]")];
  for (const one of wrong) one.closest("details")?.setAttribute("open", "");
  (wrong[0] ?? main).focus();
}

addEventListener("hashchange", () => {
  open();
  main.focus();
});
open();
