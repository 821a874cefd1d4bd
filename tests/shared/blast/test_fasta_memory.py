"""A query of 20 MB is read in blocks: its lines are not all kept apart."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.blast.fasta import MOST_FAULTS, _lines, read_fasta
from shared.contracts.search import Program

LINE = "ACGT" * 15


@given(st.text(alphabet="A>\r\n", max_size=60), st.integers(0, 20))
def test_lines_are_the_same_whatever_the_blocks(text: str, block_size: int) -> None:
    whole = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert list(_lines(text, block_size)) == whole


def test_the_text_of_many_blocks_is_what_was_read() -> None:
    text = "".join(f">q{number}\n{LINE}\n{LINE}\n" for number in range(20_000))
    fasta = read_fasta(text, Program.BLASTN)
    assert (fasta.text, fasta.sequences) == (text, 20_000)
    crlf = read_fasta(text.replace("\n", "\r\n"), Program.BLASTN)
    assert crlf == fasta


def test_faults_behind_the_first_block_have_their_lines() -> None:
    text = f">q\n{LINE}\n" + f"{LINE}\n" * 30_000 + "AC!GT\n"
    [fault] = read_fasta(text, Program.BLASTN).faults
    assert (fault.line, MOST_FAULTS) == (30_003, 10)


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_reading_takes_less_than_three_times_the_text(ends: str) -> None:
    """It took almost five times that: a string of its own for each line, and again for its end."""
    text = f">q{ends}" + f"{LINE}{ends}" * 100_000
    tracemalloc.start()
    try:
        fasta = read_fasta(text, Program.BLASTN)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fasta.residues == 100_000 * len(LINE)
    assert peak < 3 * len(text)
