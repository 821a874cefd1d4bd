"""The picture of queries by what their best hits cover, and the hits of each bin of a picture."""

from typing import Any

import pytest

from tests.triggers.conftest import Store, body, refused
from tests.triggers.http.test_hits import FILES, alignments, filled
from triggers.http.hits import handlers


async def test_queries_are_counted_by_what_their_best_hits_cover(store: Store) -> None:
    def hit(query: str, qstart: int, qend: int) -> str:
        return f"{query}\ts\t{qstart}\t{qend}\t200\n"

    hits = (
        *(hit("half", 1, 60), hit("half", 101, 200), hit("all", 200, 1)),
        *(hit("edge", 1, 150), hit("below", 1, 148), hit("none", 1, 1)),
    )
    text = "".join(hits) + "unknown\ts\t1\t50\tN/A\n"
    outfmt = "6 qseqid sseqid qstart qend qlen"
    one = await store.completed({"batch_000-blastn-db.out.gz": text.encode()}, outfmt)
    found = body(await store.ask(handlers.read_coverage, one))
    assert filled(found["coverage_distribution"]) == {
        "0 to 5": 1,
        "50 to 55": 1,
        "70 to 75": 1,
        "75 to 80": 1,
        "95 to 100": 1,
    }
    assert (found["total"], found["without_hits"], found["unknown"]) == (6, 0, 1)

    async def queries(low: str, high: str) -> list[tuple[str, float]]:
        wanted: dict[str, Any] = {"min_query_cover": low, "max_query_cover": high}
        page = body(await store.ask(handlers.list_queries, one, hits="some", **wanted))
        assert page["matching"] == len(page["queries"])
        return [(query["query_id"], query["query_cover"]) for query in page["queries"]]

    assert await queries("70", "74.9999") == [("below", 74)]
    assert await queries("50", "100") == [("half", 50), ("all", 100), ("edge", 75), ("below", 74)]
    assert await queries("0", "0.9") == []
    refusal = await store.ask(handlers.list_queries, one, min_query_cover="101")
    assert refused(refusal) == (422, "validation_error")


async def test_a_bin_of_a_picture_has_its_hits(store: Store) -> None:
    one = await store.completed(FILES)
    for wanted, expected in (
        ({"min_evalue": "1e-50", "max_evalue": "9.99999e-21"}, 2),
        ({"min_evalue": "0.001", "max_evalue": "0.0999999"}, 1),
        ({"max_evalue": "9.99999e-181"}, 1),
        ({"min_identity": "95"}, 2),
        ({"min_identity": "90", "max_identity": "94.9999"}, 1),
    ):
        assert (await alignments(store, one, **wanted))["filtered_hits"] == expected


@pytest.mark.parametrize("length", ["0", "-5"])
async def test_a_length_without_letters_is_not_a_known_one(store: Store, length: str) -> None:
    text = f"q\ts\t1\t1\t{length}\n".encode()
    outfmt = "6 qseqid sseqid qstart qend qlen"
    one = await store.completed({"batch_000-blastn-db.out.gz": text}, outfmt)
    found = body(await store.ask(handlers.read_coverage, one))
    assert filled(found["coverage_distribution"]) == {}
    assert (found["total"], found["without_hits"], found["unknown"]) == (1, 0, 1)
    (query,) = body(await store.ask(handlers.list_queries, one))["queries"]
    assert (query["hits"], query["query_cover"], query["covered"]) == (1, None, None)
