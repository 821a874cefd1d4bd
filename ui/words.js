/** How numbers, times and states are said to people. */

const PHASES = {
  waiting_for_submit_slot: "waiting for its turn",
  waiting_for_capacity: "waiting for capacity",
  exporting_results: "collecting results",
  results_pending: "waiting for results",
};

/** Where a job is. A phase that this page does not know is shown as it is. */
export function phase(name) {
  return PHASES[name] ?? words(name);
}

export function words(name) {
  return String(name).replaceAll("_", " ");
}

export function title(job) {
  return job.job_title || "Untitled search";
}

export function isOver(job) {
  return ["completed", "failed", "cancelled", "deleted"].includes(job.status);
}

/** A job that waits is drawn otherwise than one that moves. */
export function mood(job) {
  const waits = job.reason || /^(waiting|retrying|results_pending)/.test(job.phase);
  return job.status === "running" && waits ? "waiting" : job.status;
}

/** Milliseconds as two units at most. */
export function span(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

export function age(instant, now = Date.now()) {
  const passed = now - Date.parse(instant);
  return passed < 10_000 ? "just now" : `${span(passed).split(/ (?=\d)/)[0]} ago`;
}

export function clock(instant) {
  return new Date(instant).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function count(number, one, many = `${one}s`) {
  return `${whole(number)} ${number === 1 ? one : many}`;
}

export function whole(number) {
  return Number(number).toLocaleString("en");
}

export function fixed(number, digits) {
  return number === null || number === undefined ? "–" : Number(number).toFixed(digits);
}

/** As BLAST prints e-values. */
export function evalue(number) {
  if (number === null || number === undefined) return "–";
  if (number === 0) return "0";
  return number < 0.001 || number >= 10_000
    ? Number(number).toExponential(1)
    : String(Number(Number(number).toPrecision(2)));
}

export function bytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = size > 0 ? Math.min(Math.floor(Math.log10(size) / 3), units.length - 1) : 0;
  return `${(size / 1000 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}
