/** SVG charts; each has a text alternative. */

import { el, svg } from "./dom.js";
import { formatCount, formatDuration, formatInteger, formatPhase } from "./format.js";

const MAX_SEGMENTS = 60;

/** A drawing that fills its place. One without a label repeats what the text beside it says. */
function drawing([width, height], label, ...children) {
  const text = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  const box = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" };
  return svg("svg", { ...box, ...text }, children);
}

/** The batches of a search, or the searches of a batch: a segment for each, up to MAX_SEGMENTS. */
export function progressBar(job) {
  const { splits_total: total, splits_done: done, splits_failed: failed } = job;
  if (!total) return el("span", { class: "muted" }, "");
  const nouns = job.results_prefix ? ["batch", "batches"] : ["search", "searches"];
  const failedText = failed ? `, ${formatInteger(failed)} failed` : "";
  const label = `${formatInteger(done)} of ${formatCount(total, ...nouns)} done${failedText}`;
  const parts =
    total <= MAX_SEGMENTS ? segments(total, done, failed) : stackedBars(total, done, failed);
  return el(
    "div",
    { class: "progress-bar" },
    drawing([600, 10], label, parts),
    el("span", { class: "number" }, `${formatInteger(done)}/${formatInteger(total)}`),
  );
}

function segments(total, done, failed) {
  const width = 600 / total;
  const kind = (index) => (index < done ? "done" : index < done + failed ? "failed" : "open");
  return Array.from({ length: total }, (_, index) =>
    bar(index * width, width - Math.min(3, width / 5), kind(index)),
  );
}

function stackedBars(total, done, failed) {
  const widthOf = (count) => (600 * count) / total;
  return [
    bar(0, 600, "open"),
    bar(0, widthOf(done), "done"),
    bar(widthOf(done), widthOf(failed), "failed"),
  ];
}

function bar(x, width, kind, tooltip) {
  return svg(
    "rect",
    { x: x.toFixed(2), y: 0, width: Math.max(width, 0).toFixed(2), height: 10, class: kind },
    tooltip ? svg("title", {}, tooltip) : null,
  );
}

/** How long a job was in each phase, from its events; the last phase lasts until `end`. */
export function timeline(events, end) {
  const intervals = phaseIntervals(events, end);
  if (!intervals.length) return null;
  const start = intervals[0].from;
  const scale = 1000 / Math.max(1, end - start);
  const rows = intervals.map(({ phase, kind, from, to, isTerminal }) => {
    const width = Math.max((to - from) * scale, 6);
    const x = Math.min((from - start) * scale, 1000 - width);
    const duration = isTerminal
      ? `after ${formatDuration(from - start)}`
      : formatDuration(to - from);
    return el(
      "li",
      {},
      el("span", {}, formatPhase(phase)),
      drawing([1000, 10], null, bar(x, width, kind)),
      el("span", { class: "number" }, duration),
    );
  });
  return el("ol", { class: "timeline" }, rows);
}

function phaseIntervals(events, end) {
  const intervals = [];
  for (const { phase, status, timestamp } of events) {
    const from = Date.parse(timestamp);
    const last = intervals.at(-1);
    if (last?.phase === phase) continue;
    if (last) last.to = from;
    const kind = /^waiting|retrying/.test(phase) ? "waiting" : status;
    const isTerminal = !["queued", "running"].includes(status);
    intervals.push({ phase, kind, from, to: end, isTerminal });
  }
  return intervals;
}

const PLURALS = { hit: ["hit", "hits"], query: ["query", "queries"] };

/** Bars for `{range: count}`, in its order; `low` and `high` label the ends of the axis. */
export function histogram({ caption, distribution, low, high, noun = "hit", linkTo }) {
  const bins = Object.entries(distribution).map(([range, count]) => ({ range, count }));
  const largest = bins.reduce((best, bin) => (bin.count > best.count ? bin : best));
  const most = `most ${PLURALS[noun][1]}, ${formatInteger(largest.count)}`;
  const label = `${caption}: ${most}, at ${largest.range}`;
  const maximum = Math.max(1, largest.count);
  const rows = bins
    .filter((bin) => bin.count)
    .map((bin) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, el("a", linkTo(bin.range), bin.range)),
        el("td", {}, formatInteger(bin.count)),
      ),
    );
  return el(
    "figure",
    { class: "chart" },
    el(
      "figcaption",
      {},
      caption,
      el("span", { class: "number" }, `maximum: ${formatInteger(maximum)}`),
    ),
    drawing([600, 100], label, histogramBars(bins, maximum, noun, linkTo)),
    el("div", { class: "axis", "aria-hidden": "true" }, el("span", {}, low), el("span", {}, high)),
    el("details", {}, el("summary", {}, "As a table"), el("table", {}, el("tbody", {}, rows))),
  );
}

function histogramBars(bins, maximum, noun, linkTo) {
  const width = 600 / bins.length;
  return bins.map(({ range, count }, index) => {
    const height = count ? Math.max(1, (100 * count) / maximum) : 0;
    const box = { x: index * width + 1, y: 100 - height, width: width - 2, height };
    const tooltip = svg("title", {}, `${range}: ${formatCount(count, ...PLURALS[noun])}`);
    // By keyboard, the table below has the same links.
    const link = { ...linkTo(range), tabindex: "-1" };
    return svg("a", link, svg("rect", { ...box, class: "bin" }, tooltip));
  });
}

/** The position of a hit on its query, which has `queryLength` residues. */
export function queryPosition(hit, queryLength) {
  const [from, to] = [Math.min(hit.qstart, hit.qend), Math.max(hit.qstart, hit.qend)];
  const isReverse = hit.qstart > hit.qend || hit.sstart > hit.send;
  const scale = 1000 / Math.max(queryLength, 1);
  const range = `${formatInteger(from)} to ${formatInteger(to)} of ${formatInteger(queryLength)}`;
  const label = `${range}${isReverse ? ", reverse" : ""}`;
  const kind = isReverse ? "reverse" : "forward";
  const hitBar = bar((from - 1) * scale, Math.max((to - from + 1) * scale, 4), kind, label);
  return el(
    "div",
    { class: "position" },
    drawing([1000, 10], label, bar(0, 1000, "open"), hitBar),
    el("span", { "aria-hidden": "true" }, isReverse ? "←" : "→"),
  );
}

/** A percentage as a bar and as text. */
export function share(percentage) {
  const bars = [bar(0, 100, "open"), bar(0, Math.min(percentage, 100), "forward")];
  const text = el("span", {}, `${percentage} %`);
  return el("div", { class: "position" }, drawing([100, 10], null, bars), text);
}

/** A bar for each `{name, count, link}`, with its number; `link` may be null. */
export function rankedBars(caption, rows) {
  const maximum = Math.max(1, ...rows.map(({ count }) => count));
  const items = rows.map(({ name, count, link }) => {
    const width = Math.max((1000 * count) / maximum, 3);
    return el(
      "li",
      {},
      el("span", {}, link ? el("a", link, name) : name),
      drawing([1000, 10], null, bar(0, width, "bin")),
      el("span", { class: "number" }, formatInteger(count)),
    );
  });
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, caption),
    el("ol", { class: "ranked" }, items),
  );
}

/** By bit score, as NCBI's graphic summary. */
const SCORE_CLASSES = [
  [200, "score-200"],
  [80, "score-80"],
  [50, "score-50"],
  [40, "score-40"],
  [-Infinity, "score-0"],
];

/** A lane for each subject with its spans `{from, to, score}` on the query. */
export function lanes(caption, subjects) {
  const last = Math.max(1, ...subjects.flatMap(({ spans }) => spans.map(({ to }) => to)));
  const scale = 1000 / last;
  const items = subjects.map(({ name, spans }) => {
    const bars = spans.map(({ from, to, score }) => {
      const [, kind] = SCORE_CLASSES.find(([least]) => (score ?? -1) >= least);
      const text = `${name}: ${formatInteger(from)} to ${formatInteger(to)}, ${score} bits`;
      return bar((from - 1) * scale, Math.max((to - from + 1) * scale, 3), kind, text);
    });
    const label = `${name}: ${formatCount(spans.length, "hit")}`;
    return el(
      "li",
      {},
      el("span", { title: name }, name),
      drawing([1000, 10], label, bar(0, 1000, "open"), bars),
    );
  });
  const legend = SCORE_CLASSES.map(([least, kind], index) => {
    const text = Number.isFinite(least) ? `${least} bits or more` : "less";
    const sample = drawing([10, 10], null, bar(0, 10, kind));
    return el("span", { "data-key": index }, sample, ` ${text}`);
  });
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, caption),
    el("p", { class: "legend" }, legend),
    el("ol", { class: "lanes" }, items),
    el(
      "div",
      { class: "axis", "aria-hidden": "true" },
      el("span", {}, "1"),
      el("span", {}, formatInteger(last)),
    ),
  );
}
