"""Reads BLAST XML (outfmt 5) incrementally with expat, in constant memory."""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pyexpat import ExpatError, ParserCreate

from shared.hits.errors import Unreadable, damaged
from shared.hits.queries import NO_TITLE, Query
from shared.hits.text import to_utf8

LONGEST_TEXT = 16 * 1024**2
"""Most characters of one element, and most bytes of one tag."""
MAX_DEPTH = 32
"""BLAST's own documents have a depth of 9."""

COLUMNS = (
    *("qseqid", "qlen", "sseqid", "sacc", "stitle", "slen", "pident", "length", "nident"),
    *("positive", "ppos", "mismatch", "gapopen", "gaps", "qstart", "qend", "sstart", "send"),
    *("qframe", "sframe", "evalue", "bitscore", "score", "qseq", "sseq", "midline"),
)
"""The columns of the rows: BLAST's names for what the document has, and what its tables compute."""

_ITERATION = ("Iteration_query-ID", "Iteration_query-def", "Iteration_query-len")
_HIT = ("Hit_id", "Hit_def", "Hit_accession", "Hit_len")
_HSP = (
    *("Hsp_bit-score", "Hsp_score", "Hsp_evalue", "Hsp_query-from", "Hsp_query-to"),
    *("Hsp_hit-from", "Hsp_hit-to", "Hsp_query-frame", "Hsp_hit-frame", "Hsp_identity"),
    *("Hsp_positive", "Hsp_gaps", "Hsp_align-len", "Hsp_qseq", "Hsp_hseq", "Hsp_midline"),
)
_READ = frozenset(("BlastOutput_program", *_ITERATION, *_HIT, *_HSP))
"""The elements whose text is kept until the element around them ends."""

_GENERATED_QUERY_ID = re.compile(r"Query_\d+")
_GENERATED_SUBJECT_ID = re.compile(r"gnl\|BL_ORD_ID\|\d+")
_GAP = re.compile("-+")
_DECLARED_ENCODING = re.compile(rb"""<\?xml[^>]*encoding=["']([^"']+)["']""")
_QUOTED = re.compile(r'[\t\n\r"]')


_StartElement = Callable[[str, Mapping[str, str]], None]
_EndElement = Callable[[str], None]


class Xml:
    """The rows of one document. Their first column is the number of the query, from 1; values that
    hold a tab, line end or quote are quoted as in CSV."""

    is_numbered = True
    is_quoted = True
    columns = COLUMNS

    def __init__(
        self,
        text: Iterable[bytes],
        add_query: Callable[[Query], None],
        check: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        """`check` is called with the values of each row; it raises ValueError."""
        self._text = text
        self._add_query = add_query
        self._check = check
        self._values: dict[str, str] = {}
        self._rows: list[str] = []
        self._parts: list[str] = []
        self._bytes_fed = self._queries = self.row_count = 0
        self._last_query = ""
        self._is_started = False
        self._parser = parser = ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 64 * 1024
        parser.StartElementHandler, parser.EndElementHandler = self._element_handlers()
        parser.CharacterDataHandler = self._parts.append
        parser.StartDoctypeDeclHandler = _reject_declarations
        parser.SkippedEntityHandler = _reject_entity

    @property
    def line(self) -> int:
        """The number of the line that was read last."""
        return self._parser.CurrentLineNumber

    def rows(self) -> Iterator[bytes]:
        """Blocks of whole rows. Raises Unreadable, also for a document with declarations."""
        for chunk in _decodable(self._text):
            self._bytes_fed += len(chunk)
            yield from self._parse(chunk, False)
            if self._bytes_fed - self._parser.CurrentByteIndex > LONGEST_TEXT:
                raise _invalid(f"a tag has more than {LONGEST_TEXT:,} bytes")
            if len(self._parts) > 1 and sum(map(len, self._parts)) > LONGEST_TEXT:
                raise _invalid(f"an element has more than {LONGEST_TEXT:,} characters")
        yield from self._parse(b"", True)

    def _parse(self, chunk: bytes, is_final: bool) -> Iterator[bytes]:
        self._rows.clear()
        try:
            self._parser.Parse(chunk, is_final)
        except ExpatError as error:
            raise _invalid(f"it is not valid XML: {error}") from error
        except (KeyError, ValueError, ZeroDivisionError) as error:
            raise _invalid(f"the HSP that ends in line {self.line} is invalid: {error}") from error
        if self._rows:
            yield "".join(self._rows).encode()

    def _element_handlers(self) -> tuple[_StartElement, _EndElement]:
        """They run some twenty times for each hit, so they use local variables."""
        parts, values, depth = self._parts, self._values, 0
        at_end: dict[str, Callable[[], None]] = {
            "Hsp": self._add_row,
            "Hit": partial(self._forget, _HIT),
            "Iteration": self._end_query,
        }

        def start(name: str, attributes: Mapping[str, str]) -> None:
            nonlocal depth
            parts.clear()
            depth += 1
            if depth > MAX_DEPTH:
                raise _invalid(f"elements are nested more than {MAX_DEPTH} deep")
            if depth == 1 and name != "BlastOutput":
                raise _invalid(f"its root is {name[:50]}, and BLAST XML has BlastOutput")
            if name == "Iteration_hits":
                self._start_query()

        def end(name: str) -> None:
            nonlocal depth
            depth -= 1
            if name in _READ:
                values[name] = "".join(parts)
            elif name in at_end:
                at_end[name]()

        return start, end

    def _start_query(self) -> None:
        """Count a query, before its hits; psiblast has it once in each iteration."""
        texts = self._values
        self._is_started = True
        xml_id, title = texts["Iteration_query-ID"], texts["Iteration_query-def"]
        if texts.get("BlastOutput_program") == "psiblast" and xml_id == self._last_query:
            return
        self._last_query = xml_id
        self._queries += 1
        length = int(texts["Iteration_query-len"])
        self._add_query(Query(self._queries, _query_title(xml_id, title), length))

    def _end_query(self) -> None:
        """A query that was not searched has no element for hits, and is counted all the same."""
        if not self._is_started:
            self._start_query()
        self._is_started = False
        self._forget(_ITERATION)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._values.pop(name, None)

    def _add_row(self) -> None:
        values = _row(self._values)
        if self._check:
            self._check(values)
        quoted = (_quote(value) if _QUOTED.search(value) else value for value in values[:5])
        self._rows.append("\t".join((str(self._queries), *quoted, *values[5:])) + "\n")
        self.row_count += 1


def _row(texts: dict[str, str]) -> list[str]:
    """The values of COLUMNS of an HSP, whose own texts are removed.

    Raises KeyError, ValueError or ZeroDivisionError if it is invalid.
    """
    take = texts.pop
    length, identical = take("Hsp_align-len"), take("Hsp_identity")
    positive, gaps = take("Hsp_positive", "0"), take("Hsp_gaps", "0")
    qseq, sseq = take("Hsp_qseq"), take("Hsp_hseq")
    qframe, sframe = take("Hsp_query-frame", "0"), take("Hsp_hit-frame", "0")
    qspan = take("Hsp_query-from"), take("Hsp_query-to")
    sspan = take("Hsp_hit-from"), take("Hsp_hit-to")
    count, matches = int(length), int(identical)
    return [
        *_sequences(texts),
        f"{100 * matches / count:.3f}",
        *(length, identical, positive, f"{100 * int(positive) / count:.2f}"),
        str(count - matches - int(gaps)),
        str(_gap_openings(qseq) + _gap_openings(sseq)),
        gaps,
        *(_reversed(qspan) if qframe.startswith("-") else qspan),
        *(_reversed(sspan) if sframe.startswith("-") else sspan),
        *(qframe, sframe, take("Hsp_evalue"), take("Hsp_bit-score"), take("Hsp_score", "")),
        *(qseq, sseq, take("Hsp_midline", "")),
    ]


def _sequences(texts: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the first columns, which describe query and subject."""
    query_title, title = texts["Iteration_query-def"], texts["Hit_def"]
    return (
        _sequence_id(texts["Iteration_query-ID"], query_title, _GENERATED_QUERY_ID),
        texts["Iteration_query-len"],
        _sequence_id(texts["Hit_id"], title, _GENERATED_SUBJECT_ID),
        texts.get("Hit_accession", ""),
        title,
        texts["Hit_len"],
    )


def _query_title(xml_id: str, title: str) -> str:
    """The line behind `>`. An id that BLAST+ parsed is not part of XML's title."""
    if not _GENERATED_QUERY_ID.fullmatch(xml_id):
        return xml_id if title == NO_TITLE else f"{xml_id} {title}"
    return "" if title == NO_TITLE else title.strip()


def _gap_openings(sequence: str) -> int:
    return len(_GAP.findall(sequence)) if "-" in sequence else 0


def _reversed(span: tuple[str, str]) -> tuple[str, str]:
    """Start and end as in tables, where a negative frame has start > end."""
    return span if int(span[0]) >= int(span[1]) else (span[1], span[0])


def _sequence_id(xml_id: str, title: str, generated: re.Pattern[str]) -> str:
    """The id that tables have: instead of an id generated by BLAST+, the title's first word."""
    if not generated.fullmatch(xml_id) or title == NO_TITLE or not title.strip():
        return xml_id
    return title.split(None, 1)[0]


def _quote(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _decodable(text: Iterable[bytes]) -> Iterator[bytes]:
    """The text as expat can read it: BLAST+ declares no encoding, and copies titles as they are."""
    chunks = iter(text)
    head = b""
    while len(head) < 200 and (chunk := next(chunks, None)) is not None:
        head += chunk
    declared = _DECLARED_ENCODING.match(head)
    whole = _chain(head, chunks)
    is_other = declared is not None and _encoding(declared[1]) != "utf-8"
    return whole if is_other or head[:2] in (b"\xff\xfe", b"\xfe\xff") else to_utf8(whole)


def _encoding(declared: bytes) -> str:
    try:
        return codecs.lookup(declared.decode("ascii", "replace")).name
    except LookupError as error:
        raise _invalid(f"it declares an unknown encoding, {declared[:50]!r}") from error


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _reject_declarations(name: str, system: str | None, public: str | None, internal: int) -> None:
    """Reject entity declarations (XML bombs). BLAST's documents have a DOCTYPE without any."""
    if internal:
        raise _invalid("its DOCTYPE has declarations")


def _reject_entity(name: str, is_parameter: bool) -> None:
    """Reject what expat would leave out without an error, as a DTD that is not read may declare
    it."""
    raise _invalid(f"it has an entity that is not declared, &{name[:50]};")


def _invalid(reason: str) -> Unreadable:
    return damaged(f"the file cannot be read: {reason}")
