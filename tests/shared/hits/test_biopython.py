"""Hits read from BLAST+ output equal those read by Biopython."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from Bio import Blast as BioBlast
from Bio import SearchIO

from tests.shared.hits.blast import EVERY_COLUMN, Blast
from tests.shared.hits.reading import Hit, hits

SEARCHES = [
    ("blastn", "odd_dna"),
    ("blastn", "nothing"),
    ("blastp", "some_peptides"),
    ("blastx", "odd_dna"),
]
Row = tuple[Any, ...]


def ends(start: int | None, end: int | None) -> tuple[int, int]:
    """Biopython counts from 0 and keeps the smaller end first."""
    assert start is not None
    assert end is not None
    return min(start, end) - 1, max(start, end)


def ours(hit: Hit) -> Row:
    return (
        *(hit.qseqid, hit.sseqid, hit.length, hit.evalue, hit.bitscore),
        *(ends(hit.qstart, hit.qend), ends(hit.sstart, hit.send)),
        *(hit.qseq, hit.sseq),
    )


def theirs(hsp: Any) -> Row:
    return (
        *(hsp.query_id, hsp.hit_id, hsp.aln_span, hsp.evalue, hsp.bitscore),
        *((hsp.query_start, hsp.query_end), (hsp.hit_start, hsp.hit_end)),
        *(str(hsp.query.seq), str(hsp.hit.seq)),
    )


def their_table_values(hsp: Any) -> Row:
    return (hsp.ident_pct, hsp.mismatch_num, hsp.gapopen_num, hsp.pos_pct)


def our_table_values(hit: Hit) -> Row:
    return (hit.pident, hit.mismatch, hit.gapopen, hit.ppos)


def their_xml_values(hsp: Any) -> Row:
    mismatches = hsp.aln_span - hsp.ident_num - hsp.gap_num
    return (round(100 * hsp.ident_num / hsp.aln_span, 3), mismatches)


def our_xml_values(hit: Hit) -> Row:
    return (hit.pident, hit.mismatch)


FORMATS: list[tuple[str, str, dict[str, Any], Callable[[Any], Row], Callable[[Hit], Row]]] = [
    (
        f"6 {EVERY_COLUMN}",
        "blast-tab",
        {"fields": EVERY_COLUMN},
        their_table_values,
        our_table_values,
    ),
    (f"7 {EVERY_COLUMN}", "blast-tab", {"comments": True}, their_table_values, our_table_values),
    ("5", "blast-xml", {}, their_xml_values, our_xml_values),
]


@pytest.mark.parametrize("search", SEARCHES, ids=" ".join)
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: f"outfmt {form[0].split()[0]}")
def test_hits_equal_those_of_biopython_searchio(
    blast: Blast, search: tuple[str, str], form: Any
) -> None:
    outfmt, name, options, more_theirs, more_ours = form
    data = blast.search(*search, outfmt)
    parsed = SearchIO.parse(io.StringIO(data.decode()), name, **options)
    read = sorted((*theirs(hsp), *more_theirs(hsp)) for result in parsed for hsp in result.hsps)
    found = sorted((*ours(hit), *more_ours(hit)) for hit in hits([data], outfmt))
    assert found == read
    assert bool(found) is (search[1] != "nothing")


@pytest.mark.parametrize("search", SEARCHES, ids=" ".join)
def test_xml_hits_equal_those_of_bio_blast(blast: Blast, search: tuple[str, str]) -> None:
    data = blast.search(*search, "5")
    read = [
        (alignment.annotations["evalue"], alignment.annotations["bit score"], len(alignment.target))
        for record in BioBlast.parse(io.BytesIO(data))
        for hit in record
        for alignment in hit
    ]
    assert [(hit.evalue, hit.bitscore, hit.slen) for hit in hits([data], "5")] == read
