/** Text for numbers, times, sizes, phases and statuses. */

const PHASE_LABELS = {
  exporting_results: "collecting results",
  results_pending: "waiting for results",
};

/** A phase as text; a phase without a label is its name with spaces. */
export function formatPhase(phase) {
  return PHASE_LABELS[phase] ?? formatName(phase);
}

/** An identifier with spaces for its underscores. */
export function formatName(name) {
  return String(name).replaceAll("_", " ");
}

export function jobTitle(job) {
  return job.job_title || "Untitled search";
}

export function isTerminal(job) {
  return ["completed", "failed", "cancelled", "deleted"].includes(job.status);
}

/** The CSS class of a job's badge: its status, or `waiting` for a running job that waits. */
export function badgeClass(job) {
  const isWaiting = job.reason || /^(waiting|retrying|results_pending)/.test(job.exact_phase);
  return job.status === "running" && isWaiting ? "waiting" : job.status;
}

/** A duration in milliseconds, in at most two units. */
export function formatDuration(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** The time since a timestamp, in its largest unit. */
export function formatAge(timestamp, now = Date.now()) {
  const elapsed = now - Date.parse(timestamp);
  return elapsed < 10_000 ? "just now" : `${formatDuration(elapsed).split(/ (?=\d)/)[0]} ago`;
}

export function formatTimestamp(timestamp) {
  return new Date(timestamp).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "medium",
  });
}

/** A number with its noun, such as `1 hit` or `2 hits`. */
export function formatCount(number, singular, plural = `${singular}s`) {
  return `${formatInteger(number)} ${number === 1 ? singular : plural}`;
}

export function formatInteger(number) {
  return Number(number).toLocaleString("en");
}

export function formatDecimal(number, digits) {
  return number === null || number === undefined ? "–" : Number(number).toFixed(digits);
}

/** An e-value as BLAST prints it. */
export function formatEvalue(number) {
  if (number === null || number === undefined) return "–";
  if (number === 0) return "0";
  return number < 0.001 || number >= 10_000
    ? Number(number).toExponential(1)
    : String(Number(Number(number).toPrecision(2)));
}

export function formatBytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = size > 0 ? Math.min(Math.floor(Math.log10(size) / 3), units.length - 1) : 0;
  return `${(size / 1000 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}
