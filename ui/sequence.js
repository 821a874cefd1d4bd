/** What a query is: nucleotides or proteins, from its letters; and how a file becomes a query. */

/** Characters from which the type is recognised. */
const SAMPLE_CHARS = 65_536;
/** Fewer letters than this can be either type. */
const MIN_LETTERS = 10;
/** A sequence with at least this share of the letters A, C, G, T, U and N is nucleotides. */
const NUCLEOTIDE_SHARE = 0.9;
/** Bytes of a file whose text is shown for editing; a larger one is uploaded as it is. */
export const MAX_EDITABLE_BYTES = 100_000;
const GZIP_MAGIC = [0x1f, 0x8b];

/** `nucl`, `prot`, `mixed` if the sequences differ, or "" if there are too few letters to tell. */
export function recogniseType(text) {
  const types = new Set(
    text
      .slice(0, SAMPLE_CHARS)
      .split(/^>.*$/m)
      .map(typeOfSequence)
      .filter(Boolean),
  );
  return types.size > 1 ? "mixed" : ([...types][0] ?? "");
}

function typeOfSequence(lines) {
  const letters = lines.replace(/[^A-Za-z]/g, "");
  if (letters.length < MIN_LETTERS) return "";
  const nucleotides = letters.replace(/[^ACGTUN]/gi, "").length;
  return nucleotides / letters.length >= NUCLEOTIDE_SHARE ? "nucl" : "prot";
}

/** `{text, isEditable}`: the beginning of a file, and whether that is all of it, and plain text. */
export async function readFileStart(file) {
  const magic = new Uint8Array(await file.slice(0, GZIP_MAGIC.length).arrayBuffer());
  const isGzip = GZIP_MAGIC.every((byte, index) => magic[index] === byte);
  if (isGzip) return { text: await gunzipStart(file), isEditable: false };
  const bytes = await file.slice(0, MAX_EDITABLE_BYTES).arrayBuffer();
  const isWhole = file.size <= MAX_EDITABLE_BYTES;
  try {
    const text = new TextDecoder("utf-8", { fatal: isWhole, ignoreBOM: true }).decode(bytes);
    return { text, isEditable: isWhole };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Not UTF-8: uploaded as it is, so that the API names the wrong byte.
    return { text: new TextDecoder("latin1").decode(bytes), isEditable: false };
  }
}

/** The beginning of the text in a gzip file; shorter if the file is damaged, which the API names. */
async function gunzipStart(file) {
  const reader = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (text.length < SAMPLE_CHARS) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    await reader.cancel();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  return text;
}

/** The positions of the first and last character of a line, counted from 1. */
export function lineRange(text, line) {
  const lines = text.split("\n", line);
  const end = lines.join("\n").length;
  return [end - lines.at(-1).length, end];
}
