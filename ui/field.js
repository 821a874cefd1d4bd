/** A labelled control of a form, with its hint and its fault. */

import { el } from "./dom.js";

/** The control gets `name` as its name and id; `hint` and `fault` become its description. */
export function field(name, label, control, hint, fault) {
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
