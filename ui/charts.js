/** Drawings of data. Each says in words what it shows. */

import { el, svg } from "./dom.js";
import { count, phase, span, whole } from "./words.js";

const MOST_SEGMENTS = 60;

/** The batches of a job, or the searches of a batch: one segment each, while there is room. */
export function batches(job) {
  const { splits_total: total, splits_done: done, splits_failed: failed } = job;
  if (!total) return el("span", { class: "quiet" }, "");
  const named = job.results_prefix ? ["batch", "batches"] : ["search", "searches"];
  const said = `${whole(done)} of ${count(total, ...named)} done${failed ? `, ${whole(failed)} failed` : ""}`;
  const parts =
    total <= MOST_SEGMENTS ? segments(total, done, failed) : shares(total, done, failed);
  const drawn = svg(
    "svg",
    { viewBox: "0 0 600 10", preserveAspectRatio: "none", role: "img", "aria-label": said },
    parts,
  );
  return el(
    "div",
    { class: "batches" },
    drawn,
    el("span", { class: "number" }, `${whole(done)}/${whole(total)}`),
  );
}

function segments(total, done, failed) {
  const width = 600 / total;
  const kind = (n) => (n < done ? "done" : n < done + failed ? "failed" : "open");
  return Array.from({ length: total }, (_, n) =>
    bar(n * width, width - Math.min(3, width / 5), kind(n)),
  );
}

function shares(total, done, failed) {
  const at = (n) => (600 * n) / total;
  return [bar(0, 600, "open"), bar(0, at(done), "done"), bar(at(done), at(failed), "failed")];
}

function bar(x, width, kind, said) {
  const title = said ? svg("title", {}, said) : null;
  return svg(
    "rect",
    { x: x.toFixed(2), y: 0, width: Math.max(width, 0).toFixed(2), height: 10, class: kind },
    title,
  );
}

/** How long a job was in each phase, by its events; the last goes on until `end`. */
export function timeline(events, end) {
  const stays = staysOf(events, end);
  if (!stays.length) return null;
  const begin = stays[0].from;
  const scale = 1000 / Math.max(1, end - begin);
  const rows = stays.map((stay) => {
    const width = Math.max((stay.to - stay.from) * scale, 6);
    const x = Math.min((stay.from - begin) * scale, 1000 - width);
    const drawing = { viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" };
    const took = stay.isEnd ? `after ${span(stay.from - begin)}` : span(stay.to - stay.from);
    return el(
      "li",
      {},
      el("span", {}, phase(stay.phase)),
      svg("svg", drawing, bar(x, width, stay.kind)),
      el("span", { class: "number" }, took),
    );
  });
  return el("ol", { class: "timeline" }, rows);
}

function staysOf(events, end) {
  const stays = [];
  for (const { phase: name, status, timestamp } of events) {
    const at = Date.parse(timestamp);
    const last = stays.at(-1);
    if (last?.phase === name) continue;
    if (last) last.to = at;
    const kind = /^waiting|retrying/.test(name) ? "waiting" : status;
    stays.push({
      phase: name,
      kind,
      from: at,
      to: end,
      isEnd: !["queued", "running"].includes(status),
    });
  }
  return stays;
}

/** Bars of `{range: count}` in its order; `low` and `high` stand below their ends. */
export function histogram(caption, distribution, low, high) {
  const bins = Object.entries(distribution).map(([bin, hits]) => ({ bin, count: hits }));
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  const width = 600 / bins.length;
  const bars = bins.map((bin, n) => {
    const height = bin.count ? Math.max(1, (100 * bin.count) / most) : 0;
    const box = { x: n * width + 1, y: 100 - height, width: width - 2, height };
    return svg(
      "rect",
      { ...box, class: "bin" },
      svg("title", {}, `${bin.bin}: ${count(bin.count, "hit")}`),
    );
  });
  const top = bins.reduce((best, bin) => (bin.count > best.count ? bin : best));
  const said = `${caption}: most hits, ${whole(top.count)}, lie at ${top.bin}`;
  const drawing = {
    viewBox: "0 0 600 100",
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": said,
  };
  const rows = bins
    .filter((bin) => bin.count)
    .map((bin) =>
      el("tr", {}, el("th", { scope: "row" }, bin.bin), el("td", {}, whole(bin.count))),
    );
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, caption, el("span", { class: "number" }, `highest: ${whole(most)}`)),
    svg("svg", drawing, bars),
    el("div", { class: "axis", "aria-hidden": "true" }, el("span", {}, low), el("span", {}, high)),
    el("details", {}, el("summary", {}, "As a table"), el("table", {}, el("tbody", {}, rows))),
  );
}

/** Where a hit lies on its query, which has `length` residues. */
export function place(hit, length) {
  const [from, to] = [Math.min(hit.qstart, hit.qend), Math.max(hit.qstart, hit.qend)];
  const backwards = hit.qstart > hit.qend || hit.sstart > hit.send;
  const scale = 1000 / Math.max(length, 1);
  const said = `${whole(from)} to ${whole(to)} of ${whole(length)}${backwards ? ", reverse" : ""}`;
  const drawing = {
    viewBox: "0 0 1000 10",
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": said,
  };
  const kind = backwards ? "backwards" : "forwards";
  const hits = bar((from - 1) * scale, Math.max((to - from + 1) * scale, 4), kind, said);
  const drawn = svg("svg", drawing, bar(0, 1000, "open"), hits);
  return el(
    "div",
    { class: "place" },
    drawn,
    el("span", { "aria-hidden": "true" }, backwards ? "←" : "→"),
  );
}
