"""Failure 45: the host keeps log lines by their invocation, and pays for none of the SDK's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from shared.contracts.activities import ActivityName
from tests.worker.durable import Extension
from tests.worker.host import Host, WorkerStack, start_worker
from tests.worker.test_functions import submitted

APP = Path(__file__).parent / "threads_app"
KINDS = {
    "sync": ("sync", "sync deeper", "map", "map deeper"),
    "asynchronous": ("loop", "thread", "thread deeper", "executor", "executor deeper"),
}


def test_failure_45_a_whole_search_writes_no_line_of_a_library_and_ours_have_their_invocation(
    host: Host, stack: WorkerStack
) -> None:
    before = len(host.lines())
    job_id = submitted(host)
    host.follow(job_id, ActivityName.PREPARE_SEARCH)
    host.http("ready")
    host.tick("reconcile")
    host.tick("purge")  # which writes an operator's line in any case
    lines = host.lines()[before:]
    ours = [one for one in lines if one["logger"] == "blast"]
    assert [one for one in lines if one["logger"] != "blast"] == []
    assert ours and all(one["invocation"] for one in ours)


@pytest.fixture(scope="module")
def threads_app(worker_python: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    log = tmp_path_factory.mktemp("threads") / "worker.log"
    running = start_worker(APP, log, {})
    yield Host(running.url, Extension())
    running.stop()


def _invoked(host: Host, function: str, mark: str) -> str:
    """Invoke a function of that app; its invocation."""
    request = {"method": "GET", "url": "http://localhost/", "headers": {}, "params": {}}
    given = {"req": ["http", request | {"query": {"mark": mark}}]}
    invocation: str = host.invoke(function, given)["invocation"]
    return invocation


@pytest.mark.parametrize("function", KINDS)
def test_failure_45_a_line_in_any_thread_has_the_invocation_that_it_is_written_for(
    threads_app: Host, function: str
) -> None:
    marks = [f"{function}-{number}" for number in range(12)]
    with ThreadPoolExecutor(len(marks)) as together:
        ids = together.map(partial(_invoked, threads_app, function), marks)
        found = dict(zip(marks, ids, strict=True))
    written = {(one["message"], one["invocation"]) for one in threads_app.lines(logger="blast")}
    expected = {(f"{mark} {kind}", found[mark]) for mark in marks for kind in KINDS[function]}
    assert {pair for pair in written if pair[0].startswith(f"{function}-")} == expected
