"""Waiting is arithmetic."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.util.durations import MAX_RETRY_AFTER, PollSchedule, Rate, RetryPolicy, duration

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("15m", 900), ("6h", 21600), ("90d", 7_776_000)],
)
def test_durations_carry_their_unit(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "s", "-2s", "2 s", "2w", "two"])
def test_a_number_without_a_unit_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration(text)


def test_the_pace_slows_with_age() -> None:
    pace = PollSchedule.parse("2s/10s 5s/70s 15s/15m 60s")
    ages = [0, 9.9, 10, 69, 70, 899, 900, 10**7]
    found = [pace.delay_at_age(timedelta(seconds=age)).total_seconds() for age in ages]
    assert found == [2, 2, 5, 5, 15, 15, 60, 60]


@pytest.mark.parametrize("text", ["", "2s/10s", "2s/10s 5s/5s 1s", "2s 5s", "x/10s 5s"])
def test_a_pace_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|grow"):
        PollSchedule.parse(text)


def test_waits_grow_up_to_the_longest_until_the_tries_are_used_up() -> None:
    retry = RetryPolicy.parse("15s x2 5m 8")
    waits = [retry.delay_after_attempt(tried) for tried in range(1, 9)]
    assert [wait and wait.total_seconds() for wait in waits] == [
        15,
        30,
        60,
        120,
        240,
        300,
        300,
        None,
    ]


def test_a_category_without_a_limit_waits_for_ever() -> None:
    assert RetryPolicy.parse("60s x1.5 15m -").delay_after_attempt(10**6) == timedelta(minutes=15)


@pytest.mark.parametrize("text", ["1s x100 5m -", "1s x1.5 5m -", "1s x2 5m -", "1ms x10 5m -"])
def test_the_millionth_try_waits_the_longest_and_overflows_nothing(text: str) -> None:
    assert RetryPolicy.parse(text).delay_after_attempt(10**6) == timedelta(minutes=5)


def test_a_factor_of_one_waits_the_same_each_time() -> None:
    retry = RetryPolicy.parse("20s x1 5m 4")
    assert [retry.delay_after_attempt(tried) for tried in (1, 2, 3, 4)] == [20 * SECOND] * 3 + [
        None
    ]


def test_a_longest_wait_below_the_first_holds() -> None:
    assert RetryPolicy.parse("10m x2 5m -").delay_after_attempt(1) == timedelta(minutes=5)


@pytest.mark.parametrize("tried", [3, 4, 10**9])
def test_after_the_last_try_a_wish_brings_no_other(tried: int) -> None:
    assert RetryPolicy.parse("1s x2 5m 3").delay_after_attempt(tried, timedelta(minutes=1)) is None


@pytest.mark.parametrize(
    ("wish", "wait"),
    [(None, 15), (0, 15), (-60, 15), (14, 15), (72, 72), (900, 900), (901, 900), (10**9, 900)],
)
def test_r11_a_wish_lengthens_a_wait_up_to_a_quarter_of_an_hour(
    wish: int | None, wait: int
) -> None:
    wished = None if wish is None else wish * SECOND
    assert RetryPolicy.parse("15s x2 5m 8").delay_after_attempt(1, wished) == wait * SECOND


def test_a_wait_of_its_own_may_be_longer_than_any_wish() -> None:
    assert RetryPolicy.parse("1h x2 2h -").delay_after_attempt(
        1, timedelta(minutes=15)
    ) == timedelta(hours=1)


@given(st.integers(1, 100), st.floats(0, 10**6))
def test_a_wish_lengthens_a_wait_within_bounds_and_never_shortens_it(
    tried: int, wish: float
) -> None:
    retry = RetryPolicy.parse("15s x2 5m -")
    own, wished = (
        retry.delay_after_attempt(tried),
        retry.delay_after_attempt(tried, timedelta(seconds=wish)),
    )
    assert own is not None and wished is not None
    assert own <= wished <= max(own, MAX_RETRY_AFTER)


@pytest.mark.parametrize(
    "text",
    [
        *("", "15s 2 5m 8", "15s x2 5m", "15 x2 5m 8", "15s x2 5m many", "15s x2 5m -1"),
        *(
            "15s x0.5 5m 8",
            "15s x0 5m 8",
            "0s x2 5m -",
            "15s x2 0s -",
            "15s x2 5m 0",
            "1s x101 5m -",
        ),
    ],
)
def test_retry_options_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not of the form|not a duration|must"):
        RetryPolicy.parse(text)


def test_a_duration_beyond_any_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration("99999999999999h")


@pytest.mark.parametrize("text", ["0s", "0s/10s 5s", "2s/10s 0ms"])
def test_a_pace_without_a_pause_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pause"):
        PollSchedule.parse(text)


def test_a_search_from_the_future_is_looked_at_as_a_new_one() -> None:
    assert PollSchedule.parse("2s/10s 60s").delay_at_age(timedelta(hours=-1)) == 2 * SECOND


def test_a_rate_is_a_number_in_a_while() -> None:
    assert Rate.parse("120/1m") == Rate(120, timedelta(minutes=1))


@pytest.mark.parametrize("text", ["", "120", "0/1m", "120/0s", "120/m", "-1/1m", "1.5/1m"])
def test_a_rate_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|duration"):
        Rate.parse(text)
