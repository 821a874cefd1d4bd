"""The functions in worker processes."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from local.functions_host.bindings import Out
from local.functions_host.functions import Function
from local.functions_host.settings import CannotStart
from local.functions_host.workers import FunctionError, WorkerEnded, WorkerPool, worker_pool
from local.processes import Child, start
from tests.local.functions_host.program import PROJECT, TIMEOUT_SECONDS, ask, begin, ended

APP = Path(__file__).parent / "in_workers"


def function(name: str) -> Function:
    """A function of the app; the pool uses its name only."""
    return Function(name, {"type": "httpTrigger", "name": "req"}, [], print)


def request(body: bytes = b"", **route: str) -> dict[str, Any]:
    given = func.HttpRequest("POST", "http://127.0.0.1/api/x", body=body, route_params=route)
    return {"req": given}


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkerPool]:
    monkeypatch.setenv("Storage", "not used")
    async with worker_pool([APP], 2) as running:
        supervising = asyncio.create_task(running.run())
        yield running
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)


@pytest.mark.acceptance
async def test_calls_go_to_the_workers_in_turn(pool: WorkerPool) -> None:
    pids = [await pool.invoke(function("process"), request()) for _ in range(4)]
    assert pids == [str(worker.process.pid) for worker in pool.workers] * 2


@pytest.mark.acceptance
async def test_requests_and_responses_are_whole(pool: WorkerPool) -> None:
    response = await pool.invoke(function("blocking"), request(b"good ", name="day"))
    assert (response.status_code, response.get_body()) == (201, b"good day")


@pytest.mark.acceptance
async def test_an_exception_keeps_its_class_text_and_traceback(pool: WorkerPool) -> None:
    with pytest.raises(FunctionError, match="no such thing") as raised:
        await pool.invoke(function("broken"), request())
    assert type(raised.value).__name__ == "LookupError"
    assert "in broken" in raised.value.__notes__[0]


@pytest.mark.acceptance
async def test_an_output_comes_back(pool: WorkerPool) -> None:
    message = Out()
    assert await pool.invoke(function("sends"), request() | {"message": message}) == "sent"
    assert message.get() == "hello"


async def test_a_worker_that_ends_fails_its_calls_and_is_replaced(
    pool: WorkerPool, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = [worker.process.pid for worker in pool.workers]
    with pytest.raises(WorkerEnded):
        await pool.invoke(function("dies"), request())
    pids = set[int]()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while len(pids) < 2:  # the other worker goes on alone until there are two again
            pids.add(int(await pool.invoke(function("process"), request())))
    assert pids & set(earlier) == {earlier[1]}
    assert "ended with 7" in caplog.text


async def test_an_app_that_cannot_be_loaded_starts_no_worker(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="ended with 1 at its start"):
        async with worker_pool([tmp_path], 2):
            pytest.fail("it has started")


def program(folder: Path) -> Child:
    argv = [sys.executable, "-m", "local.functions_host", "--app", str(APP), "--workers", "2"]
    argv += ["--port", "0", "--state", str(folder / "state.sqlite")]
    return start("host", argv, folder / "host.log", {"Storage": "not used"}, cwd=PROJECT)


@pytest.mark.acceptance
def test_the_activities_of_an_orchestration_run_in_both_workers(tmp_path: Path) -> None:
    child = program(tmp_path)
    try:
        begin(child, "everywhere", "one")
        pids = ended(child, "one")["output"]
        assert len(pids) == 4
        assert len(set(pids)) == 2
        assert child.process.pid not in pids
        assert ask(f"{child.url}/api/dies")[0] == 500
    finally:
        child.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert "WorkerEnded" in (tmp_path / "host.log").read_text()
