"""Readiness: what is needed, what is not, and nobody is waited for."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from shared import dependencies
from shared.clients.sidecar import SidecarClient
from shared.errors import Unavailable
from tests.support.misbehaving_server import Manner, misbehaving_server, resets, responds
from triggers.http import health
from triggers.http.parallel_checks import run_checks


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
    heard = run_checks(asked, 0.2)
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
    found = health.summarize(run_checks({**asked, down: away}, 1.0))
    answer = health.to_response(found)
    assert (found["status"], answer.status_code) == (status, code)
    assert ("Retry-After" in answer.headers) == (code == 503)


REFUSES = responds("401 Unauthorized", b'{"error": "missing or invalid X-Exec-Token"}')
TAKES = responds("400 Bad Request", b'{"error": "argv must be a non-empty list"}')
OTHER = responds("200 OK", b"<html>Welcome</html>")


@pytest.mark.parametrize(
    ("manner", "code"),
    [(REFUSES, "sidecar_refused"), (OTHER, "sidecar_unavailable"), (resets, "sidecar_unavailable")],
)
def test_failure_48_a_sidecar_that_refuses_the_token_is_not_well(
    manner: Manner, code: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with misbehaving_server(manner, manner, TAKES) as server:
        sidecar = SidecarClient(server.url, lambda: "t" * 32)
        monkeypatch.setattr(dependencies, "sidecar", lambda: sidecar)
        with pytest.raises(Unavailable) as caught:
            health.is_sidecar_healthy()
        found = health.summarize(run_checks({"sidecar": health.is_sidecar_healthy}, 5.0))
        health.is_sidecar_healthy()  # the token is right again
    assert (caught.value.code, found["status"]) == (code, "degraded")
    assert ("configuration_refused" in caplog.text) == (code == "sidecar_refused")
