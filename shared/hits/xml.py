"""BLAST's XML, outfmt 5, read by expat as it comes: nothing is kept of a hit that was given."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pyexpat import ExpatError, ParserCreate

from shared.hits.errors import Unreadable
from shared.hits.hit import Hit, finite

LONGEST_TEXT = 32 * 1024**2
"""Characters of one element, and bytes of one tag."""
DEEPEST = 32
"""BLAST's own elements lie 9 deep."""

_WANTED = {
    "Iteration": ("Iteration_query-ID", "Iteration_query-def", "Iteration_query-len"),
    "Hit": ("Hit_id", "Hit_def", "Hit_len"),
    "Hsp": (
        *("Hsp_bit-score", "Hsp_evalue", "Hsp_query-from", "Hsp_query-to", "Hsp_hit-from"),
        *("Hsp_hit-to", "Hsp_query-frame", "Hsp_hit-frame", "Hsp_identity", "Hsp_positive"),
        *("Hsp_gaps", "Hsp_align-len", "Hsp_qseq", "Hsp_hseq"),
    ),
}
_TEXTS = frozenset(name for names in _WANTED.values() for name in names)
_UNNAMED = "No definition line"
_NUMBERED_QUERY, _NUMBERED_SUBJECT = re.compile(r"Query_\d+"), re.compile(r"gnl\|BL_ORD_ID\|\d+")
_GAP = re.compile("-+")


def in_xml(text: Iterable[bytes]) -> Iterator[Hit]:
    """The hits of one XML document. Raises Unreadable, also for any document type of its own."""
    document = _Document()
    for piece in text:
        yield from document.read(piece)
    yield from document.end()


class _Document:
    """What is known while the document goes by: the texts of the query, subject and HSP."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._found: list[Hit] = []
        self._name = ""
        self._pieces: list[str] = []
        self._length = self._depth = self._fed = 0
        self._parser = parser = ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 64 * 1024
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = _refuse_declarations

    def read(self, piece: bytes) -> list[Hit]:
        self._fed += len(piece)
        found = self._parse(piece, False)
        if self._fed - self._parser.CurrentByteIndex > LONGEST_TEXT:
            raise _damaged(f"a tag has more than {LONGEST_TEXT:,} bytes")
        return found

    def end(self) -> list[Hit]:
        return self._parse(b"", True)

    def _parse(self, piece: bytes, last: bool) -> list[Hit]:
        self._found = []
        try:
            self._parser.Parse(piece, last)
        except ExpatError as error:
            raise _damaged(f"it is no sound XML: {error}") from error
        except (KeyError, ValueError, ZeroDivisionError) as error:
            line = self._parser.CurrentLineNumber
            raise _damaged(f"the HSP that ends in line {line} is none: {error}") from error
        return self._found

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _damaged(f"elements lie more than {DEEPEST} deep")
        if name in _TEXTS:
            self._name, self._pieces, self._length = name, [], 0
            self._parser.CharacterDataHandler = self._keep
        elif name in _WANTED:
            for text in _WANTED[name]:
                self._texts.pop(text, None)

    def _keep(self, text: str) -> None:
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            raise _damaged(f"{self._name} has more than {LONGEST_TEXT:,} characters")
        self._pieces.append(text)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name == self._name:
            self._texts[name] = "".join(self._pieces)
            self._parser.CharacterDataHandler = None
            self._name = ""
        elif name == "Hsp":
            self._found.append(_hit(self._texts))


def _hit(texts: Mapping[str, str]) -> Hit:
    """The hit that an HSP is. Raises KeyError, ValueError or ZeroDivisionError where it is none."""
    length, same, gaps = (int(texts[f"Hsp_{text}"]) for text in ("align-len", "identity", "gaps"))
    qseq, sseq = texts["Hsp_qseq"], texts["Hsp_hseq"]
    return Hit(
        _named(texts["Iteration_query-ID"], texts["Iteration_query-def"], _NUMBERED_QUERY),
        _named(texts["Hit_id"], texts["Hit_def"], _NUMBERED_SUBJECT),
        round(100 * same / length, 3),
        length,
        length - same - gaps,
        len(_GAP.findall(qseq)) + len(_GAP.findall(sseq)),
        *_span(texts, "query"),
        *_span(texts, "hit"),
        finite(texts["Hsp_evalue"]),
        finite(texts["Hsp_bit-score"]),
        qseq,
        sseq,
        int(texts["Iteration_query-len"]),
        int(texts["Hit_len"]),
        round(100 * int(texts["Hsp_positive"]) / length, 2),
    )


def _named(known_as: str, title: str, numbered: re.Pattern[str]) -> str:
    """The id as tables have it: where BLAST+ made one up, the first word of the title."""
    if title == _UNNAMED or not title.strip() or not numbered.fullmatch(known_as):
        return known_as
    return title.split(None, 1)[0]


def _span(texts: Mapping[str, str], side: str) -> tuple[int, int]:
    """Start and end as tables have them: a negative frame is read from its end."""
    ends = int(texts[f"Hsp_{side}-from"]), int(texts[f"Hsp_{side}-to"])
    backwards = int(texts.get(f"Hsp_{side}-frame", 0)) < 0
    return (max(ends), min(ends)) if backwards else ends


def _refuse_declarations(name: str, system: str | None, public: str | None, internal: int) -> None:
    """BLAST names its document type and declares nothing; declarations are how XML explodes."""
    if internal:
        raise _damaged("it declares a document type of its own")


def _damaged(what: str) -> Unreadable:
    return Unreadable("file_damaged", f"the file cannot be read: {what}")
