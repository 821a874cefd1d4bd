"""Reads BLAST XML (outfmt 5) incrementally with expat, in constant memory."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pyexpat import ExpatError, ParserCreate

from shared.hits.errors import Unreadable
from shared.hits.hit import Hit, parse_finite

LONGEST_TEXT = 32 * 1024**2
"""Most characters of one element, and most bytes of one tag."""
MAX_DEPTH = 32
"""BLAST's own documents have a depth of 9."""

_ELEMENTS = {
    "Iteration": ("Iteration_query-ID", "Iteration_query-def", "Iteration_query-len"),
    "Hit": ("Hit_id", "Hit_def", "Hit_len"),
    "Hsp": (
        *("Hsp_bit-score", "Hsp_evalue", "Hsp_query-from", "Hsp_query-to", "Hsp_hit-from"),
        *("Hsp_hit-to", "Hsp_query-frame", "Hsp_hit-frame", "Hsp_identity", "Hsp_positive"),
        *("Hsp_gaps", "Hsp_align-len", "Hsp_qseq", "Hsp_hseq"),
    ),
}
_TEXTS = frozenset(name for names in _ELEMENTS.values() for name in names)
_NO_TITLE = "No definition line"
_GENERATED_QUERY_ID, _GENERATED_SUBJECT_ID = (
    re.compile(r"Query_\d+"),
    re.compile(r"gnl\|BL_ORD_ID\|\d+"),
)
_GAP = re.compile("-+")


def read_xml(text: Iterable[bytes]) -> Iterator[Hit]:
    """The hits of one XML document. Raises Unreadable, also for a document with declarations."""
    parser = _XmlParser()
    for chunk in text:
        yield from parser.feed(chunk)
    yield from parser.close()


class _XmlParser:
    """Keeps the element texts of the current query, subject and HSP."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._hits: list[Hit] = []
        self._name = ""
        self._text_parts: list[str] = []
        self._length = self._depth = self._bytes_fed = 0
        self._parser = parser = ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 64 * 1024
        parser.StartElementHandler = self._start_element
        parser.EndElementHandler = self._end_element
        parser.StartDoctypeDeclHandler = _reject_declarations

    def feed(self, chunk: bytes) -> list[Hit]:
        """The hits that end in this chunk."""
        self._bytes_fed += len(chunk)
        hits = self._parse(chunk, False)
        if self._bytes_fed - self._parser.CurrentByteIndex > LONGEST_TEXT:
            raise _damaged(f"a tag has more than {LONGEST_TEXT:,} bytes")
        return hits

    def close(self) -> list[Hit]:
        """Finish the document. Raises Unreadable if it is incomplete."""
        return self._parse(b"", True)

    def _parse(self, chunk: bytes, is_final: bool) -> list[Hit]:
        self._hits = []
        try:
            self._parser.Parse(chunk, is_final)
        except ExpatError as error:
            raise _damaged(f"it is not valid XML: {error}") from error
        except (KeyError, ValueError, ZeroDivisionError) as error:
            line = self._parser.CurrentLineNumber
            raise _damaged(f"the HSP that ends in line {line} is invalid: {error}") from error
        return self._hits

    def _start_element(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _damaged(f"elements are nested more than {MAX_DEPTH} deep")
        if name in _TEXTS:
            self._name, self._text_parts, self._length = name, [], 0
            self._parser.CharacterDataHandler = self._add_text
        elif name in _ELEMENTS:
            for text_name in _ELEMENTS[name]:
                self._texts.pop(text_name, None)

    def _add_text(self, text: str) -> None:
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            raise _damaged(f"{self._name} has more than {LONGEST_TEXT:,} characters")
        self._text_parts.append(text)

    def _end_element(self, name: str) -> None:
        self._depth -= 1
        if name == self._name:
            self._texts[name] = "".join(self._text_parts)
            self._parser.CharacterDataHandler = None
            self._name = ""
        elif name == "Hsp":
            self._hits.append(_hit(self._texts))


def _hit(texts: Mapping[str, str]) -> Hit:
    """The hit of an HSP. Raises KeyError, ValueError or ZeroDivisionError if it is invalid."""
    length, identical, gaps = (int(texts[f"Hsp_{n}"]) for n in ("align-len", "identity", "gaps"))
    qseq, sseq = texts["Hsp_qseq"], texts["Hsp_hseq"]
    return Hit(
        _sequence_id(
            texts["Iteration_query-ID"], texts["Iteration_query-def"], _GENERATED_QUERY_ID
        ),
        _sequence_id(texts["Hit_id"], texts["Hit_def"], _GENERATED_SUBJECT_ID),
        round(100 * identical / length, 3),
        length,
        length - identical - gaps,
        len(_GAP.findall(qseq)) + len(_GAP.findall(sseq)),
        *_span(texts, "query"),
        *_span(texts, "hit"),
        parse_finite(texts["Hsp_evalue"]),
        parse_finite(texts["Hsp_bit-score"]),
        qseq,
        sseq,
        int(texts["Iteration_query-len"]),
        int(texts["Hit_len"]),
        round(100 * int(texts["Hsp_positive"]) / length, 2),
    )


def _sequence_id(xml_id: str, title: str, generated: re.Pattern[str]) -> str:
    """The id that tables have: instead of an id generated by BLAST+, the title's first word."""
    if title == _NO_TITLE or not title.strip() or not generated.fullmatch(xml_id):
        return xml_id
    return title.split(None, 1)[0]


def _span(texts: Mapping[str, str], side: str) -> tuple[int, int]:
    """Start and end as in tables, where a negative frame has start > end."""
    ends = int(texts[f"Hsp_{side}-from"]), int(texts[f"Hsp_{side}-to"])
    is_reverse = int(texts.get(f"Hsp_{side}-frame", 0)) < 0
    return (max(ends), min(ends)) if is_reverse else ends


def _reject_declarations(name: str, system: str | None, public: str | None, internal: int) -> None:
    """Reject entity declarations (XML bombs). BLAST's documents have a DOCTYPE without any."""
    if internal:
        raise _damaged("its DOCTYPE has declarations")


def _damaged(reason: str) -> Unreadable:
    return Unreadable("file_damaged", f"the file cannot be read: {reason}")
