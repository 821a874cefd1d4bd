"""Reads FASTA as BLAST+ does, and writes it in the one form in which it is searched. Pure.

BLAST+ and ElasticBLAST read a line that is not plain FASTA each in its own way. What is searched is
therefore written by this reader: lines end with a line feed, and have letters only; there are no
comments, gaps and position numbers; each sequence has a name. `docs/queries.md` lists what is
accepted, and where this reader is stricter than BLAST+.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from shared.blast.deflines import is_parseable, is_xml_title, name_of
from shared.contracts.search import Program

BLOCK, BLOCK_LINES = 2**20, 10_000
"""Characters that are split into lines, and lines that are kept apart, at a time."""
MOST_FAULTS = 10
"""Faults of one query that are named."""
BYTE_ORDER_MARK = "\ufeff"
_SPACE = " \t\v\f"
"""White space within a line (C's isspace)."""
_COMMENT = ("!", "#", ";")
NUCLEOTIDE_QUERY = frozenset({Program.BLASTN, Program.BLASTX, Program.TBLASTX, Program.RPSTBLASTN})
"""The programs whose queries are nucleotides; those of the others are proteins."""
_NUCLEOTIDES, _RESIDUES = "ABCDGHKMNRSTUVWYabcdghkmnrstuvwy", "A-Za-z*"
"""What BLAST+ keeps of a line, by trial; of anything else it only warns, on a node's stderr."""
_GAP, _DIGITS = "-", "0123456789"
_IGNORED = dict.fromkeys(map(ord, _GAP + _DIGITS + _SPACE))
_PSIBLAST_UNUSABLE = frozenset("XOxo*")
_ACCESSION = re.compile(r"[A-Za-z]{1,6}_?\d{3,}(\.\d+)?")


class QueryFault(NamedTuple):
    """A fault of a query; the message completes a sentence about it, and quotes no sequence."""

    message: str
    line: int | None = None
    """Counted from 1; None for a fault of the whole query."""


@dataclass(frozen=True)
class Fasta:
    """A query. If it has faults, nothing else of it is to be used."""

    faults: tuple[QueryFault, ...]
    """The first MOST_FAULTS."""
    warnings: tuple[str, ...]
    """What was changed, or can surprise; each completes a sentence about the query."""
    text: str
    """The form in which it is searched."""
    lengths: tuple[int, ...]
    """Letters of each sequence."""
    lines_not_for_xml: tuple[int, ...]
    """Lines of titles with which BLAST+ fails for `-outfmt 5`."""
    lines_not_parseable: tuple[int, ...]
    """Lines of names with which BLAST+ fails, or may fail, for `-parse_deflines`."""
    lines_of_same_name: tuple[int, ...]
    """Lines of the names that an earlier sequence has."""

    @property
    def sequences(self) -> int:
        return len(self.lengths)

    @property
    def residues(self) -> int:
        return sum(self.lengths)

    def batches(self, batch_len: int) -> int:
        """The number of batches that ElasticBLAST makes: it splits no sequence."""
        batches, size = 0, 0
        for length in self.lengths:
            if not batches or size + length > batch_len:
                batches, size = batches + 1, 0
            size += length
        return batches


def read_fasta(text: str, program: Program | None) -> Fasta:
    """Read a query for a program; without one, any letter is a residue."""
    reader = _Reader(program)
    if text.startswith(BYTE_ORDER_MARK):
        text = text[1:]
        reader.warnings.append("begins with a byte-order mark, which was removed")
    for number, line in enumerate(_lines(text), start=1):
        reader.read(number, line)
        if len(reader.faults) >= MOST_FAULTS or not reader.goes_on:
            break
    return reader.end()


def _lines(text: str, block_size: int = BLOCK) -> Iterator[str]:
    """The lines; they end at CR, LF and CRLF, and at nothing else that Unicode calls a line end.

    A block of the text is split at a time: a string per line takes as much again as the text.
    """
    start = 0
    while start <= len(text):
        end = text.find("\n", start + block_size)
        end = len(text) if end < 0 else end
        block = text[start:end]
        if end < len(text):
            block = block.removesuffix("\r")  # of the line end that is left out
        yield from block.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        start = end + 1


class _Reader:
    """What has been read so far."""

    def __init__(self, program: Program | None) -> None:
        is_nucleotide = program in NUCLEOTIDE_QUERY
        codes = _NUCLEOTIDES if is_nucleotide else _RESIDUES
        self.faults: list[QueryFault] = []
        self.warnings: list[str] = []
        self.goes_on = True
        """False after a fault that makes the rest of the text meaningless."""
        self._program = program
        self._code = "nucleotide" if is_nucleotide else "residue"
        self._is_plain: Callable[[str], object] = re.compile(f"[{codes}]+").fullmatch
        self._invalid = re.compile(f"[^{codes}]")
        self._lines: list[str] = []
        self._blocks: list[str] = []
        """The lines before those in `_lines`."""
        self._lengths: list[int] = []
        self._head_line, self._length, self._is_usable = 0, 0, False
        self._gaps, self._digits, self._unnamed = 0, 0, 0
        self._line_by_name: dict[str, int] = {}
        self._same_name: list[tuple[int, int]] = []
        self._not_for_xml: list[int] = []
        self._not_parseable: list[int] = []

    def read(self, number: int, line: str) -> None:
        """Read the next line."""
        if len(self._lines) >= BLOCK_LINES:
            self._end_block()
        if line.startswith(">"):
            self._read_header(number, line)
        elif self._head_line and self._is_plain(line):
            self._add(line)
        else:
            self._read_other(number, line.strip(_SPACE))

    def end(self) -> Fasta:
        """What was read, after the last line."""
        if self.goes_on:
            self._end_sequence()
        self._end_block()
        if not (self._head_line or self.faults):
            self.faults.append(QueryFault("has no sequence"))
        return Fasta(
            faults=tuple(self.faults[:MOST_FAULTS]),
            warnings=(*self.warnings, *self._warnings()),
            text="".join(self._blocks),
            lengths=tuple(self._lengths),
            lines_not_for_xml=tuple(self._not_for_xml),
            lines_not_parseable=tuple(self._not_parseable),
            lines_of_same_name=tuple(line for _, line in self._same_name),
        )

    def _end_block(self) -> None:
        self._blocks += ["\n".join([*self._lines, ""])]
        self._lines = []

    def _read_header(self, number: int, line: str) -> None:
        self._end_sequence()
        self._head_line, self._length, self._is_usable = number, 0, False
        ordinal = len(self._lengths) + 1
        if line.startswith(">?"):
            self._add_fault(number, f"line {number} begins with '>?', which BLAST reads as a gap")
        name = name_of(line)
        if not name:
            self._unnamed += 1
            name = f"Query_{ordinal}"
            line = f">{name}"
        self._lines.append(line)
        first = self._line_by_name.setdefault(name, number)
        if first != number:
            self._same_name.append((first, number))
        if not is_xml_title(line):
            self._not_for_xml.append(number)
        if not is_parseable(name):
            self._not_parseable.append(number)

    def _read_other(self, number: int, line: str) -> None:
        """Read a line that is neither a header nor plain sequence."""
        if not line or line.startswith(_COMMENT):
            return
        if line.lstrip().startswith(">"):
            message = (
                f"line {number} has white space before '>', so that BLAST reads it as sequence"
            )
            self._add_fault(number, message)
        elif not self._head_line:
            self._add_fault(number, _no_header(line))
            self.goes_on = False
        elif not self._length and not _is_plausible(line):
            few = "is the first of its sequence and has too few letters, so that BLAST refuses it"
            what = self._invalid_letter(line.partition(";")[0].translate(_IGNORED)) or few
            self._add_fault(number, f"line {number} {what}")
            self._length = 1  # the sequence has a fault, and is not also empty
        else:
            self._add_letters(number, line.partition(";")[0])

    def _invalid_letter(self, letters: str) -> str | None:
        match = self._invalid.search(letters)
        return match and f"has {_name(match[0])}, which is not a {self._code} code"

    def _add_letters(self, number: int, line: str) -> None:
        letters = line.translate(_IGNORED)
        self._gaps += line.count(_GAP)
        self._digits += sum(map(line.count, _DIGITS))
        if what := self._invalid_letter(letters):
            self._add_fault(number, f"line {number} {what}")
        if letters:
            self._add(letters)

    def _add(self, letters: str) -> None:
        self._lines.append(letters)
        self._length += len(letters)
        if self._program is Program.PSIBLAST and not self._is_usable:
            self._is_usable = not _PSIBLAST_UNUSABLE.issuperset(letters)

    def _add_fault(self, number: int, message: str) -> None:
        self.faults.append(QueryFault(message, number))

    def _end_sequence(self) -> None:
        if not self._head_line:
            return
        self._lengths.append(self._length)
        at = f"the sequence at line {self._head_line}"
        if not self._length:
            self._add_fault(self._head_line, f"{at} is empty")
        elif self._program is Program.PSIBLAST and not self._is_usable:
            message = f"{at} has no code but X, O and *, with which psiblast fails"
            self._add_fault(self._head_line, message)

    def _warnings(self) -> Iterator[str]:
        if self._gaps:
            yield f"has {self._gaps:,} gaps ('-'), which were removed"
        if self._digits:
            yield f"has {self._digits:,} digits among the letters, which were removed"
        if self._unnamed:
            yield (
                f"has {self._unnamed:,} sequences without a name: they are called Query_ and"
                " their number"
            )
        if self._same_name:
            first, second = self._same_name[0]
            yield (
                f"has {len(self._same_name):,} sequences with the name of an earlier one, such as"
                f" at lines {first} and {second}: their hits cannot be distinguished"
            )


def _no_header(line: str) -> str:
    message = "must begin with a line that starts with '>'"
    if _ACCESSION.fullmatch(line):
        return f"{message}: no sequence is fetched for an accession, send the sequence itself"
    return message


def _is_plausible(line: str) -> bool:
    """Whether BLAST+ takes a line as the first one of a sequence.

    Source: CheckDataLine in NCBI's CFastaReader, and trial.
    """
    start = line.encode()[:70]
    content = start.partition(b";")[0]
    good = sum(byte == ord("*") or chr(byte) in _ASCII_LETTERS for byte in content)
    bad = len(content) - good - sum(byte in _IGNORED for byte in content)
    return bad < good // 3 or (len(start) <= 3 and 0 < good >= bad)


_ASCII_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def _name(character: str) -> str:
    """A character as a person can find it: U+00A0 (NO-BREAK SPACE)."""
    if character.isascii() and character.isprintable():
        return repr(character)
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def quoted_lines(numbers: Iterable[int]) -> str:
    """The first of the line numbers, for a message: `lines 1, 3 and more`."""
    first = list(numbers)[:3]
    more = " and more" if len(list(numbers)) > len(first) else ""
    return f"{'line' if len(first) == 1 else 'lines'} {', '.join(map(str, first))}{more}"
