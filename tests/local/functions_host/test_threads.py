"""Sync functions share as many threads as on Azure (failure 44)."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from local.functions_host.settings import thread_count
from tests.local.functions_host.hosted_app import (
    TIMEOUT_SECONDS,
    HostFixture,
    Orchestration,
    app_of,
    hosted,
)

SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


def test_failure_44_the_thread_count_is_that_of_the_worker() -> None:
    assert thread_count({}) == min(32, (os.cpu_count() or 1) + 4)
    assert thread_count({SETTING: "40"}) == 40


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "1.5"])
def test_an_invalid_thread_count_is_logged_and_ignored(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert thread_count({SETTING: text}) == thread_count({})
    assert SETTING in caplog.text


async def text(host: HostFixture, path: str) -> str:
    async with host.http.get(path) as answer:
        return await answer.text()


async def test_failure_44_handlers_activities_and_orchestrators_share_the_threads(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "2")
    go_on, both, threads = threading.Event(), threading.Barrier(3), set[int]()

    def slow(req: func.HttpRequest) -> str:
        threads.add(threading.get_ident())
        both.wait(TIMEOUT_SECONDS)
        assert go_on.wait(TIMEOUT_SECONDS)
        return "slow"

    async def free(req: func.HttpRequest) -> str:
        return "free"

    def quick(number: int) -> int:
        threads.add(threading.get_ident())
        return number

    def orchestrator(context: Any) -> Orchestration:
        threads.add(threading.get_ident())
        return (yield context.call_activity("quick", 1))

    app = app_of(orchestrator, quick=quick)
    for handler in (slow, free):
        app.function_name(handler.__name__)(app.route(route=handler.__name__)(handler))
    async with hosted(app, state) as host:
        waiting = [asyncio.create_task(text(host, "/api/slow")) for _ in range(2)]
        await asyncio.to_thread(both.wait, TIMEOUT_SECONDS)
        await host.start("orchestrator")
        assert await text(host, "/api/free") == "free"  # an async function needs no thread
        assert (await host.instance()).status == "Pending"
        go_on.set()
        assert await asyncio.gather(*waiting) == ["slow"] * 2
        assert (await host.ended()).output == "1"
    assert len(threads) == 2
