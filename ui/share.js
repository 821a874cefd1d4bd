/** A link to a result file that opens without a token, for a colleague or another program. */

import { get } from "./api.js";
import { button, el } from "./dom.js";

const FIELD_ID = "shared-link";

/** What the dialog shows: the link, until when it opens the file, and a button that copies it. */
export async function sharedLink(path) {
  const { download_url: url, name, expires_at: expiresAt } = await get(path);
  const minutes = Math.round((Date.parse(expiresAt) - Date.now()) / 60_000);
  const until = new Date(expiresAt).toLocaleTimeString(undefined, { timeStyle: "short" });
  const lifetime = `Anyone with this link can download ${name} without signing in, for ${minutes} minutes: until ${until}.`;
  return [
    el("p", {}, lifetime),
    el("label", { for: FIELD_ID }, "Link"),
    el("input", { id: FIELD_ID, readonly: true, value: url }),
    el(
      "p",
      { class: "buttons" },
      button("close", "Close"),
      button("copy-link", "Copy link", { class: "primary", autofocus: true }),
    ),
  ];
}

/** Copy the link. Where the browser does not allow it, select the text; returns whether it is copied. */
export async function copySharedLink() {
  const field = document.getElementById(FIELD_ID);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    return false; // without https, or without the permission
  }
  return true;
}
