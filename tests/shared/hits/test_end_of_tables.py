"""Failure 40: outfmt 7 that breaks off between two tables, where all its counts are right."""

import gzip
import re

import pytest

from shared.hits.errors import Unreadable
from shared.hits.rows import find_fault
from tests.shared.hits.blast import Blast
from tests.shared.hits.reading import hits

END = re.compile(rb"# BLAST processed \d+ queries\n$")
WHOLE = {
    "queries": ("blastn", "odd_dna", "7", ()),
    "one query": ("blastn", "nothing", "7", ()),
    "unnamed queries": ("blastn", "untitled", "7", ()),
    "columns": ("blastp", "some_peptides", "7 qacc sacc evalue bitscore stitle", ()),
    "no columns of queries": ("blastp", "some_peptides", "7 sseqid evalue", ()),
    "translated": ("blastx", "odd_dna", "7", ()),
    "both translated": ("tblastx", "odd_dna", "7", ("-max_target_seqs", "1", "-evalue", "1e-20")),
    "translated database": ("tblastn", "some_peptides", "7", ()),
    "threads": ("blastn", "dna", "7", ("-num_threads", "2", "-max_target_seqs", "2")),
    "subjects of queries": ("blastn", "dna", "7", ("-mt_mode", "1", "-num_threads", "2")),
    "one round": ("psiblast", "some_peptides", "7", ("-num_iterations", "1")),
    "rounds": ("psiblast", "some_peptides", "7", ("-num_iterations", "3", "-evalue", "1")),
}


@pytest.fixture(params=WHOLE.values(), ids=[*WHOLE])
def whole(request: pytest.FixtureRequest, blast: Blast) -> bytes:
    """What BLAST+ writes."""
    program, query, outfmt, options = request.param
    return blast.search(program, query, outfmt, *options)


def fault(*pieces: bytes, is_merged: bool = False) -> str:
    """What is wrong with a file; empty if nothing is."""
    found = find_fault(pieces, "7 std", is_merged)
    assert found is None or found.code == "file_damaged"
    return str(found or "")


def lines_of(data: bytes) -> int:
    return data.count(b"\n")


def test_what_blast_writes_is_whole(whole: bytes) -> None:
    assert END.search(whole)
    assert fault(whole) == ""
    assert fault(gzip.compress(whole) + gzip.compress(whole)) == ""


def test_a_file_that_breaks_off_behind_a_table_is_damaged(whole: bytes) -> None:
    tables = re.finditer(rb"^# (?:T?BLAST[NPX]|PSIBLAST) ", whole, re.MULTILINE)
    starts = [table.start() for table in tables][1:]
    some = starts[:: max(1, len(starts) // 8)]
    for end in [*some, whole.rindex(b"# BLAST processed")]:
        assert f"breaks off after line {lines_of(whole[:end])}:" in fault(whole[:end])


def test_each_part_of_the_last_line_is_missed(blast: Blast) -> None:
    data = blast.search("blastn", "odd_dna", "7")
    for end in range(data.rindex(b"# BLAST processed"), len(data) - 1):
        assert re.search("breaks off|beyond the hits", fault(data[:end]))
    assert fault(data[:-1]) == ""


def test_a_run_that_lacks_tables_is_damaged_wherever_it_is(blast: Blast) -> None:
    data = blast.search("blastn", "odd_dna", "7")
    second = data.index(b"# BLASTN", 1)
    queries = data.count(b"# Query: ")
    lacks_one = rf"says {queries} queries, and {queries - 1} are there"
    assert re.search(lacks_one, fault(data[second:]))
    assert re.search(lacks_one, fault(data, data[second:]))
    has_more = rf"says {queries} queries, and {queries + 1} are there"
    assert re.search(has_more, fault(data[:second], data))


def test_merged_results_have_no_last_line(blast: Blast) -> None:
    data = blast.search("blastn", "odd_dna", "7")
    merged = END.sub(b"", data)
    assert fault(merged, is_merged=True) == ""
    assert fault(b"", is_merged=True) == ""
    assert "the file is empty" in fault(b"")
    count = re.search(rb"# (\d+) hits found\n", data)
    assert count is not None
    assert "hits found, and" in fault(data[: count.end()], is_merged=True)


def test_the_hits_of_a_file_that_breaks_off_are_not_shown(blast: Blast) -> None:
    data = blast.search("blastn", "odd_dna", "7")
    second = data.index(b"# BLASTN", 1)
    with pytest.raises(Unreadable, match="breaks off after line"):
        hits([data[:second]], "7")
