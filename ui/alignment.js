/** An alignment in letters, as BLAST prints it. */

const WIDTH = 60;

/** Lines of query, middle and subject with positions; empty if the hit has no letters. */
export function alignmentText({ qseq, sseq, midline, qstart, qend, sstart, send }) {
  if (!qseq || !sseq || qseq.length !== sseq.length) return "";
  const middle = midline ?? matches(qseq, sseq);
  const query = positions(qseq, qstart, qend);
  const subject = positions(sseq, sstart, send);
  const digits = String(Math.max(qstart ?? 0, qend ?? 0, sstart ?? 0, send ?? 0)).length;
  const lines = [];
  for (let at = 0; at < qseq.length; at += WIDTH) {
    const end = at + WIDTH;
    lines.push(
      line("Query", query(at), qseq.slice(at, end), query.lastOf(at), digits),
      " ".repeat("Query  ".length + digits + 2) + middle.slice(at, end).padEnd(1),
      line("Sbjct", subject(at), sseq.slice(at, end), subject.lastOf(at), digits),
      "",
    );
  }
  return lines.slice(0, -1).join("\n");
}

function line(name, from, letters, to, digits) {
  return `${name}  ${String(from).padEnd(digits)}  ${letters}  ${to}`;
}

/** `|` where the letters are equal. */
function matches(qseq, sseq) {
  const isEqual = (letter, at) => letter !== "-" && letter === sseq[at].toUpperCase();
  return [...qseq.toUpperCase()].map((letter, at) => (isEqual(letter, at) ? "|" : " ")).join("");
}

/**
 * The position of the first letter of a line, and of its last one by `lastOf`. A letter of a
 * translated sequence is three positions wide; on the reverse strand positions fall.
 */
function positions(sequence, start, end) {
  const letters = sequence.replaceAll("-", "").length;
  const step = Math.max(1, Math.round((Math.abs(end - start) + 1) / Math.max(letters, 1)));
  const sign = end < start ? -1 : 1;
  const before = (at) => sequence.slice(0, at).replaceAll("-", "").length;
  const from = (at) => start + sign * step * Math.min(before(at), Math.max(letters - 1, 0));
  from.lastOf = (at) => {
    const count = before(at + WIDTH);
    return count ? start + sign * (step * count - 1) : start;
  };
  return from;
}
