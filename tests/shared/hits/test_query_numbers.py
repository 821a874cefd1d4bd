"""Queries are numbered over the whole search, with and without hits, names and batches."""

from pathlib import Path

import pytest

from shared.hits.columns import STANDARD
from shared.hits.filters import Filter
from shared.hits.segment import BuiltSegment, SourceFile, build_segment
from shared.hits.sorting import Direction, PageOf
from shared.hits.summary import QueryFilter, QuerySort, summarize_queries
from tests.shared.hits.blast import Blast
from tests.shared.hits.reading import all_rows, opened

NEVER_FOUND = "ACGTTGCAACGTTGCACCCGGGTATACG"


def batches(blast: Blast) -> list[list[tuple[str, str]]]:
    """The queries of three batches: unnamed ones, ones without hits, one id twice."""
    letters = (blast.folder / "dna.fa").read_text().splitlines()[1:40:2]
    return [
        [("", letters[0][:200]), ("nothing", NEVER_FOUND)],
        [("nothing", NEVER_FOUND), ("twice first", letters[1][:250])],
        [("twice second", letters[2][:300]), ("", letters[3][:210]), ("last one", letters[4])],
    ]


def searched(blast: Blast, number: int, records: list[tuple[str, str]], outfmt: str) -> SourceFile:
    fasta = "".join(f">{title}\n{letters}\n" for title, letters in records).encode()
    (blast.folder / f"batch_{number}.fa").write_bytes(fasta)
    data = blast.search("blastn", f"batch_{number}", outfmt, "-evalue", "1e-30")
    return SourceFile(number, f"batch_{number:03}", "", lambda: [data], lambda: [fasta])


def segments(blast: Blast, outfmt: str, folder: Path) -> list[BuiltSegment]:
    """The first batch in a segment of its own, the others together."""
    files = [searched(blast, *each, outfmt) for each in enumerate(batches(blast))]
    parts = ((files[:1], "first"), (files[1:], "second"))
    return [build_segment(part, outfmt, folder / name) for part, name in parts]


@pytest.mark.parametrize("outfmt", ["5", "6", "7", "6 sseqid qseqid evalue bitscore qstart qend"])
def test_queries_are_numbered_over_all_batches(blast: Blast, outfmt: str, tmp_path: Path) -> None:
    with opened(segments(blast, outfmt, tmp_path)) as database:
        found = summarize_queries(database)
        assert [(q.number, q.qseqid, q.hits > 0) for q in found.queries] == [
            (1, "Query_1", True),
            (2, "nothing", False),
            (3, "nothing", False),
            (4, "twice", True),
            (5, "twice", True),
            (6, "Query_6", True),
            (7, "last", True),
        ]
        assert (found.matching, found.without_hits) == (7, 2)
        lengths = [len(letters) for batch in batches(blast) for _, letters in batch]
        assert [query.length for query in found.queries] == lengths
        ids = {row["query"]: row["qseqid"] for row in all_rows(database)}
        assert ids == {1: "Query_1", 4: "twice", 5: "twice", 6: "Query_6", 7: "last"}
        assert database.query_ids() == ["Query_1", "twice", "twice", "Query_6", "last"]


@pytest.mark.parametrize("outfmt", ["5", "6", "7"])
def test_hits_of_a_query_are_those_of_all_records_with_its_id(
    blast: Blast, outfmt: str, tmp_path: Path
) -> None:
    with opened(segments(blast, outfmt, tmp_path)) as database:
        rows = all_rows(database)
        for query_id in ("Query_1", "Query_6", "twice", "nothing", "other"):
            expected = [row for row in rows if row["qseqid"] == query_id]
            page = database.page(
                PageOf(Filter(query_id=query_id), sort_by="file_order", size=10_000)
            )
            assert (page.hits, page.matching) == (expected, len(expected))
        assert {row["file"] for row in rows} == {0, 1, 2}


@pytest.mark.parametrize("outfmt", ["5", "6", "7"])
def test_a_query_is_summarized_from_all_its_hits(blast: Blast, outfmt: str, tmp_path: Path) -> None:
    with opened(segments(blast, outfmt, tmp_path)) as database:
        rows = all_rows(database)
        for query in summarize_queries(database).queries:
            own = [row for row in rows if row["query"] == query.number]
            spans = [range(int(row["qstart"]), int(row["qend"]) + 1) for row in own]
            letters = {at for span in spans for at in span}
            assert query.length is not None
            assert query.hits == len(own)
            expected = round(100 * len(letters) / query.length, 1)
            assert query.covered == pytest.approx(expected)
            assert query.best_evalue == min((row["evalue"] for row in own), default=None)
            assert query.max_bitscore == max((row["bitscore"] for row in own), default=None)


def test_queries_can_be_sorted_and_paged(blast: Blast, tmp_path: Path) -> None:
    with opened(segments(blast, "6", tmp_path)) as database:
        by_hits = summarize_queries(
            database, QuerySort.HITS, Direction.DESCENDING, QueryFilter(without_hits=False)
        )
        counts = [query.hits for query in by_hits.queries]
        assert counts == sorted(counts, reverse=True)
        assert by_hits.matching == len(counts) == 5
        second = summarize_queries(
            database, wanted=QueryFilter(without_hits=True), offset=1, size=1
        )
        assert [query.number for query in second.queries] == [3]
        assert second.matching == 2


def test_without_the_batch_queries_with_hits_are_counted(blast: Blast, tmp_path: Path) -> None:
    source = searched(blast, 1, batches(blast)[1], "6")
    alone = SourceFile(0, source.name, "", source.chunks)
    other = SourceFile(0, source.name, "", source.chunks, lambda: [b">other\nACGT\n"])
    for name, file in (("alone", alone), ("other", other)):
        with opened([build_segment([file], "6", tmp_path / name)]) as database:
            (query,) = summarize_queries(database).queries
            assert (query.number, query.qseqid, query.length) == (1, "twice", None)
            assert set(STANDARD) <= set(all_rows(database)[0])
