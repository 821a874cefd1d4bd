"""Removes secrets and sequences from text that other programs wrote.

Every such text (a command's output, FAILURE.txt, a Kubernetes message, an exception's message)
passes through `redacted` before it is stored, sent, returned or logged: in the job repository, in
RetryableError, in the sidecar client and in the log filter. All patterns run in linear time: none
nests an unbounded repetition, and an unbounded one can match only from the start of a word.
"""

import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

SECRET, SEQUENCE = "[redacted]", "[sequence]"
LONGEST = 64 * 1024
"""Characters that are processed; the rest is dropped. No stored or returned text is as long."""

_VALUE = r"[^\s\"'<>&;,\\]+"
_SAS_PARTS = "skoid|sktid|skt|ske|sks|skv|se|st|sp|sv|sr|ss|srt|spr|sip|sdd"
_KEYS = (
    r"account[_-]?key|shared_?access_?key|shared_?access_?signature|client[_-]?secret|access[_-]?token"
    r"|refresh_?token|id_?token|exec[_-]token|sidecar_token|x-exec-token|password|client-key-data"
)
_BEARER_PROSE = (
    "tokens?|authentication|authorization|auth|schemes?|credentials?|challenges?|headers?|realm|error"
    "|error_description|authorization_uri|resource_id|scope|is|was|are|or|and|not|has|cannot|must|in"
)
"""Words that can follow `Bearer` in prose, where it introduces no token."""

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*"
            r"(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?"
        ),
        SECRET,
    ),
    # `sig` matches anywhere; the other SAS parameters only after ? or &, also percent-encoded.
    (re.compile(rf"(?<![A-Za-z])(sig(?:=|%3D)){_VALUE}", re.I), rf"\1{SECRET}"),
    (
        re.compile(rf"((?:[?&;]|%3F|%26|u0026|amp;)(?:{_SAS_PARTS})(?:=|%3D)){_VALUE}", re.I),
        rf"\1{SECRET}",
    ),
    (
        re.compile(
            r"(?<![A-Za-z0-9_-])(authorization[\"']?\s{0,5}[:=]\s{0,5}[\"']?"
            rf"(?:(?:bearer|basic|shared ?key(?:lite)?)\s{{1,5}})?){_VALUE}",
            re.I,
        ),
        rf"\1{SECRET}",
    ),
    (
        re.compile(rf"\b(bearer\s{{1,5}})(?!(?:{_BEARER_PROSE})\b)[A-Za-z0-9._~+/=-]+", re.I),
        rf"\1{SECRET}",
    ),
    (
        re.compile(
            rf"(?<![A-Za-z0-9])((?:[A-Za-z0-9]{{1,20}}_){{0,4}}(?:{_KEYS})[\\\"']{{0,2}}"
            rf"\s{{0,5}}[:=]\s{{0,5}}[\\\"']{{0,2}}){_VALUE}",
            re.I,
        ),
        rf"\1{SECRET}",
    ),
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){0,4}"), SECRET),
    (re.compile(r"(?<=//)[^\s/:@\"'\\]{1,200}:[^\s/@\"'\\]{1,500}(?=@)"), SECRET),
    # A bare storage account key: 64 bytes in base64.
    (re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}=="), SECRET),
)

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
LEAST_LETTERS = 60
"""Shortest mixed-case word that is removed: lower case marks masked regions of a sequence."""
_LEAST_AMINO_ACID_KINDS = 4
"""Distinct letters in a protein; a separator such as `xxxx` has fewer."""
_SHORTEST_PIECE = {"nucleotides": 6, "amino acids": 10}
_LEAST_IN_WORDS = {"nucleotides": LEAST_NUCLEOTIDES, "amino acids": 40}
"""Shortest sequence of pieces separated by blanks only: capitals can also be a sentence."""


def redacted(text: str) -> str:
    """The text without secrets and long runs of residues. Everything else is unchanged."""
    text = text[:LONGEST]
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return _without_sequences(text)


def redacted_output(text: str) -> str:
    """The last LONGEST characters of a command's output, redacted.

    After a cut the first word is dropped, as it can be the tail of a secret.
    """
    if len(text) <= LONGEST:
        return redacted(text)
    return redacted(text[-LONGEST:].split(maxsplit=1)[-1])


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


class RedactingFilter(logging.Filter):
    """Redacts log records: the message with its arguments, and the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), None
        if record.exc_info and record.exc_info[1]:
            text = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")
            clean = redacted(text)
            if clean != text:
                record.exc_info, record.exc_text = None, clean
        return True


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
