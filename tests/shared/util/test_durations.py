"""Durations, rates, poll schedules and retry policies."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.util.durations import MAX_RETRY_AFTER, PollSchedule, Rate, RetryPolicy, parse_duration

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("15m", 900), ("6h", 21600), ("90d", 7_776_000)],
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "s", "-2s", "2 s", "2w", "two"])
def test_a_text_without_number_or_unit_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_the_poll_interval_grows_with_age() -> None:
    schedule = PollSchedule.parse("2s/10s 5s/70s 15s/15m 60s")
    ages = [0, 9.9, 10, 69, 70, 899, 900, 10**7]
    intervals = [schedule.delay_at_age(timedelta(seconds=age)).total_seconds() for age in ages]
    assert intervals == [2, 2, 5, 5, 15, 15, 60, 60]


@pytest.mark.parametrize("text", ["", "2s/10s", "2s/10s 5s/5s 1s", "2s 5s", "x/10s 5s"])
def test_an_invalid_poll_schedule_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|grow"):
        PollSchedule.parse(text)


def test_delays_grow_to_the_longest_and_end_after_the_last_try() -> None:
    retry = RetryPolicy(15 * SECOND, 2, 5 * MINUTE, 8)
    delays = [retry.delay_after_attempt(tries) for tries in range(1, 9)]
    assert [delay and delay.total_seconds() for delay in delays] == [
        15,
        30,
        60,
        120,
        240,
        300,
        300,
        None,
    ]


def test_a_policy_with_unlimited_tries_never_ends() -> None:
    assert RetryPolicy(60 * SECOND, 1.5, 15 * MINUTE, None).delay_after_attempt(10**6) == timedelta(
        minutes=15
    )


@pytest.mark.parametrize(("first", "factor"), [(1, 100), (1, 1.5), (1, 2), (0.001, 10)])
def test_the_millionth_delay_is_the_longest_and_does_not_overflow(
    first: float, factor: float
) -> None:
    assert RetryPolicy(first * SECOND, factor, 5 * MINUTE, None).delay_after_attempt(
        10**6
    ) == timedelta(minutes=5)


def test_a_factor_of_one_gives_equal_delays() -> None:
    retry = RetryPolicy(20 * SECOND, 1, 5 * MINUTE, 4)
    assert [retry.delay_after_attempt(tries) for tries in (1, 2, 3, 4)] == [20 * SECOND] * 3 + [
        None
    ]


def test_a_longest_delay_below_the_first_delay_limits_it() -> None:
    assert RetryPolicy(10 * MINUTE, 2, 5 * MINUTE, None).delay_after_attempt(1) == timedelta(
        minutes=5
    )


@pytest.mark.parametrize("tries", [3, 4, 10**9])
def test_retry_after_gives_no_try_beyond_the_last_one(tries: int) -> None:
    assert (
        RetryPolicy(SECOND, 2, 5 * MINUTE, 3).delay_after_attempt(tries, timedelta(minutes=1))
        is None
    )


@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [(None, 15), (0, 15), (-60, 15), (14, 15), (72, 72), (900, 900), (901, 900), (10**9, 900)],
)
def test_r11_retry_after_lengthens_a_delay_up_to_fifteen_minutes(
    retry_after: int | None, delay: int
) -> None:
    requested = None if retry_after is None else retry_after * SECOND
    assert (
        RetryPolicy(15 * SECOND, 2, 5 * MINUTE, 8).delay_after_attempt(1, requested)
        == delay * SECOND
    )


def test_a_policy_may_have_delays_above_the_largest_retry_after() -> None:
    assert RetryPolicy(60 * MINUTE, 2, 120 * MINUTE, None).delay_after_attempt(
        1, timedelta(minutes=15)
    ) == timedelta(hours=1)


@given(st.integers(1, 100), st.floats(0, 10**6))
def test_retry_after_never_shortens_a_delay_and_lengthens_it_within_bounds(
    tries: int, seconds: float
) -> None:
    retry = RetryPolicy(15 * SECOND, 2, 5 * MINUTE, None)
    backoff = retry.delay_after_attempt(tries)
    delay = retry.delay_after_attempt(tries, timedelta(seconds=seconds))
    assert backoff is not None and delay is not None
    assert backoff <= delay <= max(backoff, MAX_RETRY_AFTER)


def test_a_duration_of_more_than_eight_digits_is_rejected() -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration("99999999999999h")


@pytest.mark.parametrize("text", ["0s", "0s/10s 5s", "2s/10s 0ms"])
def test_a_poll_interval_of_zero_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="longer than 0"):
        PollSchedule.parse(text)


def test_a_negative_age_is_polled_as_a_new_search() -> None:
    assert PollSchedule.parse("2s/10s 60s").delay_at_age(timedelta(hours=-1)) == 2 * SECOND


def test_a_rate_is_a_limit_per_period() -> None:
    assert Rate.parse("120/1m") == Rate(120, timedelta(minutes=1))


@pytest.mark.parametrize("text", ["", "120", "0/1m", "120/0s", "120/m", "-1/1m", "1.5/1m"])
def test_an_invalid_rate_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|duration"):
        Rate.parse(text)
