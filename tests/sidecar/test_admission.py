import pytest

from sidecar.admission import Admission
from sidecar.responses import Refusal


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_admitted_and_the_bucket_refills() -> None:
    clock = Clock()
    admission = Admission(max_concurrency=100, rate_per_minute=6, clock=clock)
    for _ in range(6):
        admission.enter()
    assert _refusal(admission).body == {"error": "too many commands", "retry_after_seconds": 10}
    clock.now += 4
    assert _refusal(admission).headers == {"Retry-After": "6"}
    clock.now += 6
    admission.enter()
    assert _refusal(admission).status == 429


def test_the_bucket_holds_at_most_one_minute() -> None:
    clock = Clock()
    admission = Admission(max_concurrency=100, rate_per_minute=2, clock=clock)
    clock.now += 3600
    admission.enter()
    admission.enter()
    assert _refusal(admission).status == 429


def test_a_released_slot_is_free() -> None:
    admission = Admission(max_concurrency=1, rate_per_minute=60, clock=Clock())
    admission.enter()
    assert _refusal(admission).status == 503
    admission.leave()
    admission.enter()


def test_no_command_is_admitted_after_close() -> None:
    admission = Admission(max_concurrency=1, rate_per_minute=60, clock=Clock())
    admission.close()
    assert _refusal(admission).status == 503


def _refusal(admission: Admission) -> Refusal:
    with pytest.raises(Refusal) as caught:
        admission.enter()
    return caught.value
