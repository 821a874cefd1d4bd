"""Readiness: what is needed, what is not, and nobody is waited for."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from shared.errors import Unavailable
from triggers import health
from triggers.side_by_side import ask_all


def away() -> None:
    raise Unavailable("storage_unavailable", "away")


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_who_does_not_answer_in_time_is_trouble_and_holds_up_nobody(
    silence: threading.Event,
) -> None:
    asked: dict[str, Any] = {"silent": silence.wait, "well": lambda: 1, "away": away, "bug": [].pop}
    heard = ask_all(asked, 0.2)
    assert (heard["well"].answer, heard["well"].trouble) == (1, None)
    assert heard["away"].trouble == "away"
    assert heard["silent"].trouble == "no answer within 0.2 s"
    assert heard["bug"].trouble == "asking failed; the log says how"


@pytest.mark.parametrize(
    ("down", "status", "code"),
    [("tables", "unavailable", 503), ("queue", "unavailable", 503), ("cluster", "degraded", 200)],
)
def test_only_what_acceptance_needs_makes_it_unready(down: str, status: str, code: int) -> None:
    asked = dict.fromkeys(("tables", "blob", "queue", "sidecar", "cluster"), lambda: None)
    found = health.judged(ask_all({**asked, down: away}, 1.0))
    answer = health.told(found)
    assert (found["status"], answer.status_code) == (status, code)
    assert ("Retry-After" in answer.headers) == (code == 503)
