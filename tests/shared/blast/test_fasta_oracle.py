"""The reader of FASTA against real BLAST+: it accepts the same, and says what is searched.

What the reader accepts, BLAST+ has to accept as it was written by the reader, with the same number
of sequences of the same lengths, and as it came. What the reader refuses, BLAST+ has to refuse, or
one of these exceptions, which the verdict or the text shows, has to apply:

* BLAST+ drops letters, with a warning on a node's stderr: another sequence is searched.
* A sequence is empty: alone in its batch it fails the search, in another it is passed over.
* The text does not begin with a header: BLAST+ takes such a line for an accession if it looks like
  one, and asks NCBI for it.
* A header begins with `>?`, a gap in an assembly for BLAST+, and a sequence for elastic-blast.

As it came, BLAST+ can also fail where the reader does not: at a byte-order mark, which the reader
removes and names; and in a text with a CR alone beside other line ends, of which it loses lines.
"""

import re

import pytest
from hypothesis import given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.blast.fasta import read_fasta
from shared.contracts.search import Program
from tests.support.blast_oracle import NUCLEOTIDE_QUERY, BlastOracle

HEADERS = st.sampled_from([">"] * 14 + [" >", "\x0b>", ">?100 ", "\xa0>"])
TITLES = st.sampled_from(
    [
        *("", "a", "b", "a b", "q1 x", "lcl|a", "Query_2", ">", "a" * 60, "a;b", "# x"),
        *(" ", "\t", " a", "a\tb", "\x0btwo", "\x01", "x\x00y", "a\x0cb"),
        *(
            "é",
            "a é",
            "é b",
            "a é ",
            "€",
            "€ x",
            "\u2028",
            "\x85",
            "\ufeff",
            "a \xff",
            "\U0001f600",
        ),
    ]
)
NUCLEOTIDE_WORDS = ["ACGTACGTAC", "acgtn", "RYKM", "A", "AC", "ACG", "U", "NNNNNN", "BDHVSW"]
RESIDUE_WORDS = ["MKWVTFISLL", "mkv", "XX", "x", "X", "*", "U", "O", "o", "J", "XXXXXXXXX", "BZ"]
ODD_WORDS = [
    *("-", "--", "----------", "1", "12 ", " ", "\t", "\x0b", "\x0c", ";", "; x", ";é", "#", "!"),
    *("[", "]", ">", ">?", "\x00", "\x01", "é", "\u2028", "\x85", "\xa0", "*", "E", "I", "X", "J"),
    *("O", ".", "/", "\\", "'", '"', "~", "\ufeff"),
]
LINE_ENDS = st.sampled_from(["\n"] * 6 + ["\r\n", "\r", "\n\n", "\n\r"])
PREAMBLES = st.sampled_from(
    [""] * 12 + [";c\n", "#c\r\n", "!c\n", " \n", "\n", "\ufeff", "ACGT\n", " ;c\n", "AB_123456\n"]
)


@st.composite
def texts(draw: st.DrawFn, program: Program) -> str:
    """Text that is nearly FASTA."""
    words = NUCLEOTIDE_WORDS if program in NUCLEOTIDE_QUERY else RESIDUE_WORDS
    word = st.sampled_from(words * (80 // len(words)) + ODD_WORDS[: 20 + len(words)])
    line = st.builds(str.__add__, st.lists(word, min_size=1, max_size=3).map("".join), LINE_ENDS)
    end = draw(LINE_ENDS)
    ends = LINE_ENDS if draw(st.integers(0, 3)) == 0 else st.just(end)
    parts = [draw(PREAMBLES)]
    for _ in range(draw(st.integers(1, 3))):
        parts += [draw(HEADERS), draw(TITLES), draw(ends)]
        parts += draw(st.lists(line, max_size=3))
    text = "".join(parts)
    return text if ends is LINE_ENDS else re.sub("\r\n|\r|\n", end, text)


def check(oracle: BlastOracle, program: Program, text: str) -> None:
    fasta = read_fasta(text, program)
    verdict = oracle.run(program, text.encode())
    if fasta.faults:
        assert (
            verdict.has_failed or verdict.has_dropped(text) or is_exception(text, verdict.lengths)
        )
        return
    written = oracle.run(program, fasta.text.encode())
    assert written.has_failed is bool(fasta.lines_not_for_xml)
    if written.has_failed:
        return
    assert written.lengths == fasta.lengths
    assert not written.has_dropped(fasta.text)
    if not (text.startswith("\ufeff") or mixes_line_ends(text)):
        assert verdict.lengths == fasta.lengths
        assert not verdict.has_failed


def is_exception(text: str, lengths: tuple[int, ...]) -> bool:
    lines = [line.strip(" \t\v\f") for line in re.split("\r\n|\r|\n", text)]
    data = [line for line in lines if line and line[0] not in "!#;"]
    has_empty = 0 in lengths or len(lengths) != len(re.findall(r"(?:^|[\r\n])>", text))
    has_header = bool(data) and re.match(r"\s*>", text.lstrip("\ufeff")) is not None
    return has_empty or not has_header or ">?" in text


def mixes_line_ends(text: str) -> bool:
    return "\n" in text and re.search("\r(?!\n)", text) is not None


def run_examples(oracle: BlastOracle, program: Program, examples: int, part: int) -> None:
    @seed(part)
    @hypothesis_settings(max_examples=examples, derandomize=False, database=None)
    @given(texts(program))
    def each(text: str) -> None:
        check(oracle, program, text)

    each()


PROGRAMS = (Program.BLASTN, Program.BLASTP, Program.PSIBLAST)


@pytest.mark.acceptance
@pytest.mark.parametrize("program", PROGRAMS)
def test_failure_56_the_reader_agrees_with_blast(oracle: BlastOracle, program: Program) -> None:
    run_examples(oracle, program, 40, 0)


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(1, 3))
@pytest.mark.parametrize("program", Program)
def test_failure_56_the_reader_agrees_with_blast_on_many(
    oracle: BlastOracle, program: Program, part: int
) -> None:
    """10,400 texts in all."""
    run_examples(oracle, program, 650, part)
