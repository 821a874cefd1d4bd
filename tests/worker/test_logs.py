"""Failure 45: our log lines have their invocation id, and libraries log nothing."""

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
KINDS = ("loop", "first thread", "second thread", "task", "task thread", "after")


@pytest.mark.acceptance
def test_failure_45_a_search_logs_no_library_lines_and_ours_have_the_invocation_id(
    host: Host, stack: WorkerStack
) -> None:
    before = len(host.lines())
    job_id = submitted(host)
    host.follow(job_id, ActivityName.PREPARE_SEARCH)
    host.http("ready")
    host.tick("reconcile")
    host.tick("purge")  # always logs a line for operators
    lines = host.lines()[before:]
    blast_lines = [item for item in lines if item["logger"] == "blast"]
    assert [item for item in lines if item["logger"] != "blast"] == []
    assert blast_lines and all(item["invocation"] for item in blast_lines)


@pytest.fixture(scope="module")
def threads_app(worker_python: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    log = tmp_path_factory.mktemp("threads") / "worker.log"
    running = start_worker(APP, log, {})
    yield Host(running.url, Extension())
    running.stop()


def _invoked(host: Host, mark: str) -> str:
    """Invoke the function of threads_app; returns the invocation id."""
    request = {"method": "GET", "url": "http://localhost/", "headers": {}, "params": {}}
    inputs = {"req": ["http", request | {"query": {"mark": mark}}]}
    invocation: str = host.invoke("log_everywhere", inputs)["invocation"]
    return invocation


def test_failure_45_log_lines_of_every_thread_have_the_invocation_id(threads_app: Host) -> None:
    marks = [f"mark-{number}" for number in range(12)]
    with ThreadPoolExecutor(len(marks)) as together:
        ids = together.map(partial(_invoked, threads_app), marks)
        result = dict(zip(marks, ids, strict=True))
    written = {(item["message"], item["invocation"]) for item in threads_app.lines(logger="blast")}
    expected = {(f"{mark} {kind}", result[mark]) for mark in marks for kind in KINDS}
    assert {pair for pair in written if pair[0].startswith("mark-")} == expected
