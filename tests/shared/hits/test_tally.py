"""Statistics in bounded memory: exact up to their limits, approximate beyond."""

import json
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.hits import Hit, ReadLimitReached
from shared.hits.approx_counts import DistinctCounter, FrequencyCounter
from shared.hits.tally import Tally


def test_distinct_names_are_counted_exactly_up_to_the_limit() -> None:
    names = DistinctCounter(limit=1000)
    names.add(f"s{number}" for number in (*range(1000), *range(1000)))
    assert (names.count, names.exact) == (1000, True)


@pytest.mark.parametrize("true", [3_000, 20_000, 100_000])
def test_more_distinct_names_are_estimated_in_bounded_memory(true: int) -> None:
    names = DistinctCounter(limit=1000)
    names.add(f"s{number}" for number in range(true))
    assert names.count == pytest.approx(true, rel=0.1)
    assert not names.exact
    assert len(names.to_state()) == 1000


def test_a_distinct_count_continues_from_its_state() -> None:
    whole, first = DistinctCounter(limit=100), DistinctCounter(limit=100)
    whole.add(map(str, range(500)))
    first.add(str(number // 2) for number in range(500))
    second = DistinctCounter(first.to_state(), limit=100)
    second.add(map(str, range(500)))
    assert second.to_state() == whole.to_state()
    assert second.count == whole.count


@given(st.lists(st.integers(0, 40), max_size=400), st.integers(1, 10))
def test_a_frequency_is_never_too_high_and_too_low_by_at_most_its_error(
    numbers: list[int], limit: int
) -> None:
    counted, true = FrequencyCounter(limit=limit), Counter(map(str, numbers))
    for number in numbers:
        counted.add([str(number)])
    counts = dict(counted.top(100))
    assert len(counts) <= 2 * limit
    for name, count in true.items():
        assert count - counted.error <= counts.get(name, 0) <= count
    assert counted.error or counts == true


def test_the_most_frequent_names_are_found_among_many() -> None:
    rng = random.Random(7)
    names = [f"rare{number}" for number in range(20_000)] + ["often"] * 900 + ["usual"] * 500
    rng.shuffle(names)
    counted = FrequencyCounter(limit=1000)
    for at in range(0, len(names), 500):
        counted.add(names[at : at + 500])
    assert [name for name, _ in counted.top(2)] == ["often", "usual"]


def hit(number: int) -> Hit:
    return Hit(
        *(f"q{number // 7}", f"s{number % 13}", 50 + number % 50 / 3, 100 + number, 1, 0),
        *(1, 100, 5, 104, 10.0 ** -(number % 200), 100.0 + number),
    )


def test_a_tally_continues_from_its_stored_state() -> None:
    whole, part = Tally(), Tally()
    whole.add(map(hit, range(300)))
    part.add(map(hit, range(150)))
    part = Tally(json.loads(json.dumps(part.to_state())))
    part.add(map(hit, range(150, 300)))
    actual, expected = part.to_json(), whole.to_json()
    for name in ("avg_identity", "avg_bitscore", "avg_length"):
        assert actual.pop(name) == pytest.approx(expected.pop(name))
    assert actual == expected
    assert (expected["unique_queries"], expected["unique_subjects"]) == (43, 13)


def test_hits_before_an_exception_are_counted() -> None:
    def broken() -> Iterator[Hit]:
        yield from map(hit, range(1234))
        raise ReadLimitReached

    tally = Tally()
    with pytest.raises(ReadLimitReached):
        tally.add(broken())
    assert tally.total == 1234


def test_hits_without_values_are_counted_and_have_no_means() -> None:
    tally = Tally()
    tally.add([Hit(qseqid="q")])
    statistics = tally.to_json()
    assert (
        statistics["total_hits"],
        statistics["unique_queries"],
        statistics["unique_subjects"],
    ) == (1, 1, 0)
    for name in ("avg_identity", "avg_bitscore", "avg_length", "max_bitscore", "min_evalue"):
        assert statistics[name] is None
    assert sum(statistics["evalue_distribution"].values()) == 0


@pytest.mark.parametrize(
    ("pident", "label"),
    [(0, "0 to 5"), (94.999, "90 to 95"), (95, "95 to 100"), (100, "95 to 100")],
)
def test_an_edge_belongs_to_the_bin_above_it(pident: float, label: str) -> None:
    tally = Tally()
    tally.add([Hit(pident=pident)])
    bins = tally.to_json()["identity_distribution"]
    assert {bin: count for bin, count in bins.items() if count} == {label: 1}
    assert list(bins) == [f"{start} to {start + 5}" for start in range(0, 100, 5)]


def test_failure_58_no_bin_label_is_an_integer_that_javascript_reorders() -> None:
    """Keys that look like integers come first in a JavaScript object, whatever their order."""
    statistics = Tally().to_json()
    bins = [*statistics["identity_distribution"], *statistics["evalue_distribution"]]
    assert not [bin for bin in bins if bin.isdigit()]
    assert list(statistics["evalue_distribution"])[:2] == ["0 to 1e-180", "1e-180 to 1e-100"]
    assert list(statistics["evalue_distribution"])[-2:] == ["0.1 to 1", "1 and more"]


def test_failure_58_the_mean_identity_has_two_decimals() -> None:
    """The dashboard does not format the value."""
    tally = Tally()
    tally.add([Hit(pident=99.0), Hit(pident=98.0), Hit(pident=98.0)])
    assert tally.to_json()["avg_identity"] == 98.33
