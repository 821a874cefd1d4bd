/** Elements made of data, and a document that is changed no more than needed. */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Strings among the children are text, whatever is in them. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      made.setAttribute(key, value === true ? "" : String(value));
    }
  }
  const known = children
    .flat(3)
    .filter((child) => child !== null && child !== undefined && child !== false);
  made.append(...known);
  return made;
}

/** A part of a view, under a heading. */
export function section(id, heading, ...children) {
  const name = `${id}-title`;
  return el("section", { "aria-labelledby": name }, el("h2", { id: name }, heading), ...children);
}

/** A wide thing that scrolls by itself, with the keyboard as well. */
export function scroll(label, child) {
  const said = { class: "scroll", tabindex: "0", role: "region", "aria-label": label };
  return el("div", said, child);
}

/** Belongs to the person at the page, not to the data. */
const THEIRS = new Set(["open"]);

/** Make `here` look like `wanted` and keep what is alike: so focus, selection and scroll stay. */
export function morph(here, wanted) {
  if (here.nodeType === Node.TEXT_NODE) {
    if (here.data !== wanted.data) here.data = wanted.data;
    return;
  }
  for (const { name } of [...here.attributes]) {
    if (!wanted.hasAttribute(name) && !THEIRS.has(name)) here.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (here.getAttribute(name) !== value && !(THEIRS.has(name) && here.isConnected))
      here.setAttribute(name, value);
  }
  morphChildren(here, [...wanted.childNodes]);
}

function morphChildren(here, wanted) {
  const keys = new Set(wanted.map(keyOf).filter(Boolean));
  const known = new Map();
  for (const child of [...here.childNodes]) {
    const key = keyOf(child);
    if (key && keys.has(key)) known.set(key, child);
    else if (key) child.remove();
  }
  let next = here.firstChild;
  for (const child of wanted) {
    const key = keyOf(child);
    const match = key ? known.get(key) : next && !keyOf(next) && alike(next, child) ? next : null;
    if (!match || !alike(match, child)) {
      here.insertBefore(child, next);
      continue;
    }
    if (match !== next) here.insertBefore(match, next);
    morph(match, child);
    next = match.nextSibling;
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

function keyOf(node) {
  return node.dataset?.key;
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && one.id === other.id;
}
