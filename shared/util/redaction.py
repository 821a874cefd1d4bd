"""Removes secrets and sequences from text that other programs wrote.

Every such text (a command's output, FAILURE.txt, a Kubernetes message, an exception's message)
passes through `redacted` before it is stored, sent, returned or logged: in the job repository, in
RetryableError, in the sidecar client and in the log filter. It becomes plain text first, as an
escape sequence can hide a secret. `secret_patterns` has the forms of secrets. Time is linear.
"""

import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from shared.util.plain_text import plain_text
from shared.util.secret_patterns import SECRETS

SECRET, SEQUENCE = "[redacted]", "[sequence]"
LONGEST = 64 * 1024
"""Characters that are processed; the rest is dropped. No stored or returned text is as long."""
LONGEST_SECRET = 8 * 1024
"""Characters; more than a token of Entra ID with many groups."""

_WORDS = re.compile(r"\\[nrt]|[A-Za-z]+")
_NUCLEOTIDES, _AMINO_ACIDS = frozenset("ACGTUN"), frozenset("ABCDEFGHIKLMNPQRSTUVWXYZ")
_SEPARATOR = re.compile(r"(?:[\s\d*-]|\\[nrt]){0,40}")
"""What can separate two pieces of one sequence: white space, line ends, numbers, gaps."""

_AFTER_A_LINE = frozenset({"", "\n", "\r", "\\", '"', "'"})
"""What can follow the short last line of a sequence. Anything else means prose."""

LEAST_NUCLEOTIDES = 20
"""Shortest nucleotide sequence that is removed, in letters: the length of a primer."""
LEAST_AMINO_ACIDS = 24
"""Shortest run of capitals in one word that is removed; no word in a message is as long."""
LEAST_LETTERS = 50
"""Shortest mixed-case word that is removed: lower case marks masked regions of a sequence."""
_LEAST_AMINO_ACID_KINDS = 4
"""Distinct letters in a protein; a separator such as `xxxx` has fewer."""
_SHORTEST_PIECE = {"nucleotides": 6, "amino acids": 10}
_LEAST_IN_WORDS = {"nucleotides": LEAST_NUCLEOTIDES, "amino acids": 40}
"""Shortest sequence of pieces separated by blanks only: capitals can also be a sentence."""

_RESIDUE = "[ABCDEFGHIKLMNPQRSTUVWXYZ*-]"
_LINE_BREAK, _LINE_END = r"(?:\r?\n|\\r\\n|\\n)", r"(?=[ \t]*(?:[\r\n\"']|\\[rn]|\Z))"
_NUMBER = r"(?:(?<![^\r\n])|(?<=\\n))[ \t]{0,12}\d{1,9} "
_RECORDS = (
    re.compile(
        rf"((?<![\w=>/-])>[^\r\n\\>]{{0,1000}}{_LINE_BREAK}){_RESIDUE}{{10,}}{_LINE_END}"
        rf"(?:{_LINE_BREAK}{_RESIDUE}{{1,200}}{_LINE_END})*",
        re.I,
    ),
    re.compile(
        rf"({_NUMBER}){_RESIDUE}{{10}}(?: {_RESIDUE}{{1,10}}){{1,5}}{_LINE_END}"
        rf"(?:{_LINE_BREAK}{_NUMBER}{_RESIDUE}{{1,10}}{_LINE_END})?",
        re.I,
    ),
)
"""Records that are known by their form, so that residues can be in lower case: FASTA with its
header, numbered blocks of ten as in GenBank and GenPept."""


def redacted(text: str) -> str:
    """The text as plain text, without secrets and long runs of residues; all else is unchanged."""
    text = plain_text(_cut(text))
    for pattern in SECRETS:
        text = pattern.sub(rf"\1{SECRET}", text)
    return _without_sequences(text)


def _cut(text: str) -> str:
    """The first LONGEST characters, without a last word that is cut off: it can be a secret's.

    Of a longer word than any secret only the end is dropped.
    """
    if len(text) <= LONGEST:
        return text
    words = text[:LONGEST].rsplit(maxsplit=1)
    whole = words[0] if len(words) == 2 else ""
    return text[: max(len(whole), LONGEST - LONGEST_SECRET)]


def redacted_output(text: str, *, is_end: bool = False) -> str:
    """The last LONGEST characters of a command's output, redacted.

    After a cut, here or before (`is_end`), the first word is dropped, as it can be the tail of a
    secret.
    """
    if len(text) <= LONGEST and not is_end:
        return redacted(text)
    return redacted("".join(text[-LONGEST:].split(maxsplit=1)[1:]))


def redact_lines(lines: list[str]) -> list[str]:
    """Each line of a text redacted, in place; of at most LONGEST characters in all.

    The text is redacted as a whole, as a key or a sequence can go over several lines. It then has
    fewer lines: each stays at a line that gives the same by itself, or else at the next one, and
    the lines in between are SECRET.
    """
    whole = redacted("\n".join(lines)).split("\n")
    if len(whole) == len(lines):
        return whole
    alone = [redacted(line) for line in lines]
    result, at = [SECRET] * len(lines), 0
    for text in whole[: len(lines)]:
        place = next((n for n in range(at, len(lines)) if alone[n] == text), at)
        if place == len(lines):
            break
        result[place], at = text, place + 1
    return result


def redact_all(value: Any) -> Any:
    """A copy of a JSON value with every string redacted. Keys are kept."""
    match value:
        case str():
            return redacted(value)
        case Mapping():
            return {name: redact_all(item) for name, item in value.items()}
        case list() | tuple():
            return [redact_all(item) for item in value]
        case _:
            return value


_QUERY_STRING = re.compile(r"(\b\w{2,10}://[^\s?\"'<>]{1,2000}+)\?[^\s\"'<>]*")


def loggable(text: str) -> str:
    """The redacted text, and its URLs without query strings: a filter in one can name a caller."""
    return _QUERY_STRING.sub(r"\1", redacted(text))


class RedactingFilter(logging.Filter):
    """Redacts log records: the message with its arguments, and the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = loggable(_message(record)), None
        if record.exc_info and record.exc_info[1]:
            text = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")
            clean = loggable(text)
            if clean != text:
                record.exc_info, record.exc_text = None, clean
        return True


def _message(record: logging.LogRecord) -> str:
    """The message with its arguments; without them where they do not fit, which is a bug."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  an argument's own code can raise anything
        # Raised from a filter, it would end the caller's work; logging's handlers only report it.
        template = repr(record.msg) if isinstance(record.msg, str) else type(record.msg).__name__
        return f"log_message_invalid {template}"


@dataclass(frozen=True)
class _Piece:
    start: int
    end: int
    kind: str
    """`nucleotides`, `amino acids`, or empty for an ordinary word."""

    @property
    def size(self) -> int:
        return self.end - self.start


def _without_sequences(text: str) -> str:
    for record in _RECORDS:
        text = record.sub(rf"\1{SEQUENCE}", text)
    parts, at = [], 0
    for start, end in _sequences(text):
        parts += [text[at:start], SEQUENCE]
        at = end
    return "".join([*parts, text[at:]])


def _sequences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sequence: pieces of one kind that together are long enough."""
    run: list[_Piece] = []
    for piece in _pieces(text):
        if run and not _continues(text, run, piece):
            if _is_sequence(text, run):
                yield run[0].start, run[-1].end
            run = []
        if run or piece.kind:
            run.append(piece)
    if run and _is_sequence(text, run):
        yield run[0].start, run[-1].end


def _pieces(text: str) -> Iterator[_Piece]:
    for match in _WORDS.finditer(text):
        word = match[0]
        if word[0] != "\\":
            yield _Piece(match.start(), match.end(), _kind(word))


def _kind(word: str) -> str:
    if len(word) < _SHORTEST_PIECE["nucleotides"]:
        return ""
    letters = set(word.upper())
    if letters <= _NUCLEOTIDES:
        return "nucleotides"
    if not letters <= _AMINO_ACIDS or len(letters) < _LEAST_AMINO_ACID_KINDS:
        return ""
    is_long = len(word) >= LEAST_LETTERS
    is_piece = len(word) >= _SHORTEST_PIECE["amino acids"] and word.isupper()
    return "amino acids" if is_long or is_piece else ""


def _continues(text: str, run: list[_Piece], piece: _Piece) -> bool:
    """Whether a piece continues the sequence. Only the last line of a sequence can be short."""
    gap = text[run[-1].end : piece.start]
    if not _SEPARATOR.fullmatch(gap):
        return False
    if piece.kind:
        return piece.kind == run[0].kind
    return _has_line_end(gap) and run[-1].kind != "" and _is_last_line(text, run[0].kind, piece)


def _is_last_line(text: str, kind: str, piece: _Piece) -> bool:
    word, after = text[piece.start : piece.end], text[piece.end : piece.end + 1]
    letters = _NUCLEOTIDES if kind == "nucleotides" else _AMINO_ACIDS
    alike = word.isupper() or kind == "nucleotides"
    return alike and set(word.upper()) <= letters and after in _AFTER_A_LINE


def _has_line_end(gap: str) -> bool:
    return "\n" in gap or "\\n" in gap


def _is_sequence(text: str, run: list[_Piece]) -> bool:
    kind, whole = run[0].kind, sum(piece.size for piece in run)
    if kind == "nucleotides":
        return whole >= LEAST_NUCLEOTIDES
    if run[0].size >= LEAST_AMINO_ACIDS:
        return True
    gaps = (text[a.end : b.start] for a, b in pairwise(run))
    in_lines = all(map(_has_line_end, gaps))
    return whole >= (LEAST_AMINO_ACIDS if in_lines else _LEAST_IN_WORDS[kind])
