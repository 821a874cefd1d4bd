"""The order of relevance: the best e-value and bit score of a subject for its query."""

import random
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from shared.hits.filters import Filter
from shared.hits.segment import SourceFile, build_segment
from shared.hits.sorting import Direction, PageOf
from tests.shared.hits.reading import all_rows, opened

Row = dict[str, Any]
EVALUES = ("0.0", "1e-50", "2e-50", "0.5", "N/A")
SCORES = ("50", "60", "60.5", "N/A")


def table(seed: int, columns: Sequence[str], is_best_first: bool) -> bytes:
    """Several queries and subjects, with up to three HSPs and equal or missing values."""
    rng = random.Random(seed)
    rows = []
    for pair in range(400):
        hsps = [(rng.choice(EVALUES), rng.choice(SCORES)) for _ in range(rng.choice((1, 2, 3)))]
        if is_best_first:
            hsps.sort(key=lambda hsp: _best_first(*map(_number, hsp)))
        for evalue, score in hsps:
            values = {"qseqid": f"q{pair // 40}", "sseqid": f"s{pair}", "evalue": evalue}
            values |= {"bitscore": score, "pident": str(rng.randrange(60, 100))}
            rows.append("\t".join(values[column] for column in columns))
    return "\n".join([*rows, ""]).encode()


def _number(text: str) -> float | None:
    return None if text == "N/A" else float(text)


def _best_first(evalue: float | None, score: float | None) -> tuple[bool, float, bool, float]:
    return evalue is None, evalue or 0.0, score is None, -(score or 0.0)


def _sorted(rows: Sequence[Row], direction: Direction) -> list[Row]:
    """The rows, which are in the order of the files, by relevance."""
    sign = 1 if direction is Direction.ASCENDING else -1
    keyed = []
    for _, hsps in groupby(rows, lambda row: (row["segment"], row["file"], row["pair"])):
        listed = list(hsps)
        pairs = [(row.get("evalue"), row.get("bitscore")) for row in listed]
        evalue, score = min(pairs, key=lambda pair: _best_first(*pair))
        key = (evalue is None, sign * (evalue or 0), score is None, -sign * (score or 0))
        keyed += [(key, row) for row in listed]
    return [row for _, row in sorted(keyed, key=lambda item: item[0])]


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("is_best_first", [True, False], ids=["best_first", "any_order"])
@pytest.mark.parametrize(
    "measures",
    [("evalue", "bitscore"), ("evalue",), ("bitscore",)],
    ids=["both", "evalue", "score"],
)
def test_it_is_that_of_all_hits_sorted(
    tmp_path: Path, direction: Direction, is_best_first: bool, measures: tuple[str, ...]
) -> None:
    columns = ("qseqid", "sseqid", "pident", *measures)
    data = [table(number, columns, is_best_first) for number in range(4)]
    files = [
        SourceFile(number, f"f{number}", "", lambda number=number: [data[number]])  # type: ignore[misc]
        for number in range(4)
    ]
    outfmt = f"6 {' '.join(columns)}"
    segments = [
        build_segment(files[:2], outfmt, tmp_path / "0"),
        build_segment(files[2:], outfmt, tmp_path / "1"),
    ]
    with opened(segments) as database:
        rows = all_rows(database)
        expected = _sorted(rows, direction)
        found = database.page(PageOf(direction=direction, size=10**6)).hits
        assert found == expected
        filtered = database.page(PageOf(Filter(min_identity=80), direction=direction, size=10**6))
        assert filtered.hits == [row for row in expected if row["pident"] >= 80]
        assert 0 < len(filtered.hits) < len(rows)
