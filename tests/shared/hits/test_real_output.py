"""Hits read from real BLAST+ output equal its own columns, in every supported format."""

import gzip

import pytest

from shared.hits.columns import STANDARD
from shared.hits.errors import Unreadable
from tests.shared.hits.blast import EVERY_COLUMN, Blast, adapted_to_xml, table_values
from tests.shared.hits.reading import Hit, hits

SEARCHES = [
    ("blastn", "odd_dna", ()),
    ("blastn", "odd_dna", ("-strand", "minus", "-max_hsps", "2")),
    ("blastn", "untitled", ("-task", "blastn", "-evalue", "200")),
    ("blastp", "some_peptides", ()),
    ("blastp", "some_peptides", ("-parse_deflines",)),
    ("blastx", "odd_dna", ()),
    ("tblastn", "some_peptides", ()),
    ("tblastx", "odd_dna", ("-max_target_seqs", "1", "-evalue", "1e-20")),
    ("blastn", "untitled", ()),
    ("blastn", "nothing", ()),
]


def read(data: bytes, outfmt: str) -> list[Hit]:
    return hits([data], outfmt)


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(False, id="plain"),
        pytest.param(True, id="gzipped", marks=pytest.mark.acceptance),
    ],
)
@pytest.mark.parametrize("search", SEARCHES, ids=lambda s: " ".join((*s[:2], *s[2])))
def test_every_format_yields_the_rows_of_blast(
    blast: Blast, search: tuple[str, str, tuple[str, ...]], packed: bool
) -> None:
    program, query, options = search
    rows = blast.rows(program, query, *options)
    assert bool(rows) is (query != "nothing")
    for outfmt in (f"6 {EVERY_COLUMN}", f"7 {EVERY_COLUMN}", "5"):
        data = blast.search(program, query, outfmt, *options)
        values = list(map(table_values, read(gzip.compress(data) if packed else data, outfmt)))
        expected = list(map(adapted_to_xml, values, rows)) if outfmt == "5" else rows
        assert values == expected, outfmt
        assert len(values) == len(rows)


@pytest.mark.parametrize("outfmt", ["6", "7", "6 std", "7 std", "6 nonsense"])
def test_standard_columns_are_read(blast: Blast, outfmt: str) -> None:
    rows = blast.rows("blastn", "odd_dna")
    found = read(blast.search("blastn", "odd_dna", outfmt), outfmt)
    assert [table_values(hit._replace(ppos=0.0))[:12] for hit in found] == [
        row[:12] for row in rows
    ]
    assert {hit[len(STANDARD) :] for hit in found} == {(None,) * 5}


@pytest.mark.parametrize(
    "columns",
    [
        "evalue sacc qacc stitle bitscore",
        "sseqid std staxids qseqid qseqid slen nonsense qcovs",
        "saccver qaccver qseqid sallseqid pident",
        "sallseqid qgi staxid length",
        "stitle",
    ],
)
def test_extra_missing_and_repeated_columns_are_mapped_correctly(
    blast: Blast, columns: str
) -> None:
    whole = read(blast.search("blastp", "some_peptides", "5"), "5")
    for number in ("6", "7"):
        outfmt = f"{number} {columns}"
        found = read(blast.search("blastp", "some_peptides", outfmt), outfmt)
        assert len(found) == len(whole) > 50
        for hit, other in zip(found, whole, strict=True):
            for name in ("sseqid", "qseqid", "length", "slen"):
                value = getattr(hit, name)
                assert value is None or value == getattr(other, name), name
    field_of = {"sacc": "sseqid", "qacc": "qseqid", "sallseqid": "sseqid"}
    named = {field_of.get(text, text) for text in columns.split()} & {"sseqid", "qseqid", "length"}
    assert all(getattr(found[0], name) is not None for name in named)


def test_outfmt_7_comments_override_the_requested_columns(blast: Blast) -> None:
    data = blast.search("blastn", "odd_dna", "7 sseqid qseqid evalue")
    assert read(data, "7") == read(data, "7 sseqid qseqid evalue")


def test_a_query_id_that_starts_with_a_hash_is_a_hit() -> None:
    row = b"#q1\ts1\t98.5\t100\t1\t0\t1\t100\t5\t104\t1e-40\t180\n"
    data = b"# BLASTN 2.12.0+\n# Query: #q1\n" + row + b"# BLAST processed 1 queries\n"
    assert [hit.qseqid for hit in read(data, "7")] == ["#q1"]


def test_the_convergence_line_of_psiblast_is_skipped(blast: Blast) -> None:
    options = ("-num_iterations", "4", "-max_target_seqs", "3", "-evalue", "1e-3")
    for outfmt in ("6", "7"):
        data = blast.search("psiblast", "some_peptides", outfmt, *options)
        assert b"CONVERGED" in data
        rows = [line for line in data.splitlines() if line.count(b"\t") == 11]
        assert len(read(data, outfmt)) == len(rows) > 10


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_chunk_size_does_not_change_the_hits(blast: Blast, size: int) -> None:
    for outfmt in ("5", "6", "7"):
        data = gzip.compress(blast.search("blastp", "some_peptides", outfmt))
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        assert list(hits(pieces, outfmt)) == read(data, outfmt)


def test_failure_40_unsupported_formats_are_rejected_by_name(blast: Blast) -> None:
    data = blast.search("blastn", "odd_dna", "11")
    with pytest.raises(Unreadable, match=r"BLAST archive .*can be downloaded") as caught:
        read(data, "11")
    assert caught.value.code == "format_not_readable"
    for outfmt in ("0", "10 qseqid", "18", "99", ""):
        with pytest.raises(Unreadable, match="downloaded"):
            read(b"", outfmt)
