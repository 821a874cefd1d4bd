"""Readiness: required and optional dependencies, and timeouts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.clients.sidecar import SidecarClient
from shared.errors import Unavailable
from tests.support.misbehaving_server import Manner, misbehaving_server, resets, responds
from triggers.http.checks.parallel_checks import run_checks
from triggers.http.checks.readiness import check_sidecar, summarize
from triggers.http.health import to_response
from triggers.schemas.app import DependencyName


async def unavailable() -> None:
    raise Unavailable("storage_unavailable", "unavailable")


async def passes() -> int:
    return 1


async def crashes() -> None:
    raise IndexError("a bug")


async def test_a_check_that_times_out_fails_and_does_not_delay_the_others() -> None:
    checks: dict[str, Any] = {
        "silent": asyncio.Event().wait,
        "well": passes,
        "unavailable": unavailable,
        "bug": crashes,
    }
    results = await run_checks(checks, 0.2)
    assert (results["well"].value, results["well"].error) == (1, None)
    assert results["unavailable"].error == "unavailable"
    assert results["silent"].error == "no answer within 0.2 s"
    assert results["bug"].error == "internal error in the check: see the log line check_crashed"


@pytest.mark.parametrize(
    ("down", "status", "code"),
    [("tables", "unavailable", 503), ("queue", "unavailable", 503), ("cluster", "degraded", 200)],
)
async def test_only_what_acceptance_needs_makes_it_unready(
    down: DependencyName, status: str, code: int
) -> None:
    names: tuple[DependencyName, ...] = ("tables", "blob", "queue", "sidecar", "cluster")
    checks: dict[DependencyName, Callable[[], Awaitable[object]]] = dict.fromkeys(names, passes)
    result = summarize(await run_checks({**checks, down: unavailable}, 1.0))
    answer = to_response(result)
    assert (result.status, answer.status_code) == (status, code)
    assert ("Retry-After" in answer.headers) == (code == 503)


REFUSES = responds("401 Unauthorized", b'{"error": "missing or invalid X-Exec-Token"}')
TAKES = responds("400 Bad Request", b'{"error": "argv must be a non-empty list"}')
OTHER = responds("200 OK", b"<html>Welcome</html>")


@pytest.mark.parametrize(
    ("manner", "code"),
    [(REFUSES, "sidecar_refused"), (OTHER, "sidecar_unavailable"), (resets, "sidecar_unavailable")],
)
async def test_failure_48_a_sidecar_that_refuses_the_token_is_unavailable(
    manner: Manner, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with misbehaving_server(manner, manner, TAKES) as server:
        sidecar = SidecarClient(server.url, lambda: "t" * 32)
        with pytest.raises(Unavailable) as caught:
            await check_sidecar(sidecar)
        result = summarize(await run_checks({"sidecar": lambda: check_sidecar(sidecar)}, 5.0))
        await check_sidecar(sidecar)  # the token is accepted again
    assert (caught.value.code, result.status) == (code, "degraded")
    assert ("configuration_refused" in caplog.text) == (code == "sidecar_refused")
