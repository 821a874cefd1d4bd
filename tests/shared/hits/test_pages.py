"""A page far behind the first one has the hits that sorting all of them would give it."""

import random
from collections.abc import Iterator

import pytest

from shared.hits import pages
from shared.hits.filters import Filter
from shared.hits.questions import HitsDatabase
from shared.hits.segment import SourceFile, build_segment
from shared.hits.sorting import Direction, PageOf
from tests.shared.hits.reading import opened
from triggers.http.hits.params import SORTS

HITS = 6000
OUTFMT = "6 qseqid sseqid pident length mismatch qstart qend sstart evalue bitscore qcovs"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HitsDatabase]:
    """Several HSPs of a subject, many equal values, and some missing ones."""
    rng = random.Random(7)
    folder = tmp_path_factory.mktemp("pages")
    segments = []
    for number in range(3):
        rows = []
        for pair in range(HITS // 6):
            for _ in range(rng.choice((1, 2, 3))):
                evalue = rng.choice(("0.0", "0.0", f"{10 ** -rng.uniform(0, 99):.2e}", "N/A"))
                values = (
                    *(
                        f"q{pair // 50}",
                        f"{rng.choice('abC')}{pair}",
                        f"{rng.uniform(70, 100):.3f}",
                    ),
                    *(rng.randrange(9), 1, rng.randrange(900), 1000, rng.randrange(9)),
                    *(evalue, rng.choice((50, 60, rng.randrange(900))), rng.randrange(100)),
                )
                rows.append("\t".join(map(str, values)))
        data = "\n".join([*rows, ""]).encode()
        source = SourceFile(number, f"f{number}", "", lambda data=data: [data])  # type: ignore[misc]
        segments.append(build_segment([source], OUTFMT, folder / str(number)))
    with opened(segments) as found:
        assert found.index.hits > HITS
        yield found


@pytest.mark.parametrize("sort_by", SORTS.values())
@pytest.mark.parametrize(
    "direction",
    [Direction.ASCENDING, pytest.param(Direction.DESCENDING, marks=pytest.mark.acceptance)],
)
@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(Filter(), id="all"),
        pytest.param(Filter(min_identity=80), id="identity", marks=pytest.mark.acceptance),
        pytest.param(Filter(text="c1"), id="text", marks=pytest.mark.acceptance),
        pytest.param(Filter(min_query_cover=30), id="coverage", marks=pytest.mark.acceptance),
    ],
)
def test_a_deep_page_is_that_of_all_hits_sorted(
    database: HitsDatabase,
    monkeypatch: pytest.MonkeyPatch,
    sort_by: str,
    direction: Direction,
    wanted: Filter,
) -> None:
    monkeypatch.setattr(pages, "DEEP", 10**9)
    whole = database.page(PageOf(wanted, sort_by, direction, 0, 10**6))
    keys = [(hit["segment"], hit["row"]) for hit in whole.hits]
    assert len(set(keys)) == len(keys) == whole.matching == database.count(wanted)
    monkeypatch.setattr(pages, "DEEP", 40)
    monkeypatch.setattr(pages, "SAMPLE", 1000)
    for offset in (0, 45, len(keys) // 3, len(keys) // 2, len(keys) - 30, len(keys), len(keys) + 9):
        page = database.page(PageOf(wanted, sort_by, direction, offset, 50))
        assert [(hit["segment"], hit["row"]) for hit in page.hits] == keys[offset : offset + 50]
        assert page.matching == len(keys)


def test_a_range_that_misses_the_page_is_noticed(
    database: HitsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = database.page(PageOf(sort_by="pident", offset=3000, size=50)).hits
    monkeypatch.setattr(pages, "DEEP", 40)
    monkeypatch.setattr(pages, "SAMPLE", 200)
    for deviations in (-3, 0):
        monkeypatch.setattr(pages, "DEVIATIONS", deviations)
        assert database.page(PageOf(sort_by="pident", offset=3000, size=50)).hits == expected
