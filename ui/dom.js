/** Builds elements from data, and updates the document with as few changes as possible. */

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** An HTML element. Strings among the children become text nodes, never markup. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG_NAMESPACE, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(key, value === true ? "" : String(value));
    }
  }
  const present = children
    .flat(3)
    .filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...present);
  return element;
}

/** A section with a heading. */
export function section(id, heading, ...children) {
  const titleId = `${id}-title`;
  return el(
    "section",
    { "aria-labelledby": titleId },
    el("h2", { id: titleId }, heading),
    ...children,
  );
}

/** A button that runs an action, by its name. */
export function button(action, text, attributes = {}) {
  return el("button", { type: "button", "data-action": action, ...attributes }, text);
}

/** A table that scrolls, from the cells of its heading and its rows. */
export function scrollTable(label, head, rows, attributes = {}) {
  const parts = [el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)];
  return scrollRegion(label, el("table", attributes, parts));
}

/** A container that scrolls its wide child, also by keyboard. */
export function scrollRegion(label, child) {
  const attributes = { class: "scroll", tabindex: "0", role: "region", "aria-label": label };
  return el("div", attributes, child);
}

/** Attributes that the user controls: `morph` does not overwrite them. */
const USER_ATTRIBUTES = new Set(["open"]);

/** Make `current` equal to `target`, reusing equal nodes so that focus, selection and scroll stay. */
export function morph(current, target) {
  if (current.nodeType === Node.TEXT_NODE) {
    if (current.data !== target.data) current.data = target.data;
    return;
  }
  for (const { name } of [...current.attributes]) {
    if (!target.hasAttribute(name) && !USER_ATTRIBUTES.has(name)) {
      current.removeAttribute(name);
      if (name === "selected") current.selected = false;
    }
  }
  for (const { name, value } of target.attributes) {
    const isUsers = USER_ATTRIBUTES.has(name) && current.isConnected;
    if (current.getAttribute(name) === value || isUsers) continue;
    current.setAttribute(name, value);
    // The attributes alone are without effect once the user has changed the control.
    if (name === "value") current.value = value;
    if (name === "selected") current.selected = true;
  }
  morphChildren(current, [...target.childNodes]);
}

function morphChildren(parent, targets) {
  const targetKeys = new Set(targets.map(keyOf).filter(Boolean));
  const keyed = new Map();
  for (const child of [...parent.childNodes]) {
    const key = keyOf(child);
    if (key && targetKeys.has(key)) keyed.set(key, child);
    else if (key) child.remove();
  }
  let next = parent.firstChild;
  for (const target of targets) {
    const key = keyOf(target);
    const match = key
      ? keyed.get(key)
      : next && !keyOf(next) && isSameElement(next, target)
        ? next
        : null;
    if (!match || !isSameElement(match, target)) {
      parent.insertBefore(target, next);
      continue;
    }
    if (match !== next) parent.insertBefore(match, next);
    morph(match, target);
    next = match.nextSibling;
  }
  while (next) {
    const surplus = next;
    next = next.nextSibling;
    surplus.remove();
  }
}

function keyOf(node) {
  return node.dataset?.key;
}

function isSameElement(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.id === b.id;
}
