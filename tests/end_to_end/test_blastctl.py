"""blastctl and the client against the running app, which is killed in the middle."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from elastic_blast_client import Client, TryAgain, blastctl, downloads

from local.demo.queries import DEMO_DATABASE, demo_queries
from local.stack import Stack
from tests.end_to_end.conftest import FAST_POLLING, StackFixture, started

pytestmark = pytest.mark.acceptance
PACKAGE = Path(__file__).parents[2] / "clients/python"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackFixture]:
    """The whole product, with five queries in a batch."""
    settings = FAST_POLLING | {"BLAST_BATCH_LEN": "4000"}
    with started(Stack(tmp_path_factory.mktemp("stack"), settings=settings)) as system:
        yield system


def program(system: StackFixture, *argv: str) -> "subprocess.Popen[str]":
    module = ("-m", "elastic_blast_client.blastctl", "--url", system.stack.url)
    command = [sys.executable, *module, *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PACKAGE, text=True)


def run(system: StackFixture, *argv: str) -> str:
    running = program(system, *argv)
    output, _ = running.communicate(timeout=60)
    assert running.returncode == 0, output
    return output


def submit(system: StackFixture, tmp_path: Path) -> str:
    (tmp_path / "q.fa").write_text(demo_queries())
    return run(system, "submit", "blastn", DEMO_DATABASE, str(tmp_path / "q.fa")).strip()


def test_a_search_from_submit_to_hits(system: StackFixture, tmp_path: Path) -> None:
    job_id = submit(system, tmp_path)
    waited = [json.loads(line) for line in run(system, "wait", job_id).splitlines()]
    assert waited[-1]["status"] == "completed"
    assert waited[-1]["done"] == waited[-1]["total"] == 4
    folder = tmp_path / "results"
    fetched = run(system, "fetch", job_id, "--output", str(folder)).splitlines()
    assert [Path(path).read_bytes() for path in fetched] == [
        data for _, data in system.api.files(job_id)
    ]
    hits = [json.loads(line) for line in run(system, "hits", job_id, "--limit", "7").splitlines()]
    assert len(hits) == 7
    table = tmp_path / "hits.tsv"
    run(system, "fetch", job_id, "--format", "tsv", "--output", str(table))
    with Client(system.stack.url) as client:
        assert len(table.read_text().splitlines()) - 1 == len(list(client.hits(job_id)))
    assert job_id in run(system, "list", "--ids")
    assert DEMO_DATABASE in run(system, "databases")


def test_a_wait_goes_on_when_the_app_was_killed(system: StackFixture, tmp_path: Path) -> None:
    job_id = submit(system, tmp_path)
    waiting = program(system, "wait", job_id)
    assert waiting.stdout is not None
    assert json.loads(waiting.stdout.readline())["job_id"] == job_id
    system.restart_host()
    system.reconcile()
    output, _ = waiting.communicate(timeout=100)
    assert waiting.returncode == 0
    assert json.loads(output.splitlines()[-1])["status"] == "completed"


def test_a_fetch_goes_on_when_the_app_was_killed(
    system: StackFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file in small parts: the app dies after the second one, and is back after a wait."""
    job_id = submit(system, tmp_path)
    system.ended(job_id)
    monkeypatch.setattr(downloads, "PART", 1000)
    parts, died = [0], threading.Event()
    add = downloads.PartFile.add

    def count(part: downloads.PartFile, response: httpx.Response) -> bool:
        parts[0] += 1
        if parts[0] == 2:
            system.stack.host.kill()
        return add(part, response)

    def sleep(seconds: float) -> None:
        if not died.is_set():
            died.set()
            system.stack.host = system.stack.start_host()

    monkeypatch.setattr(downloads.PartFile, "add", count)
    name, expected = next(system.api.files(job_id))
    with Client(system.stack.url, sleep=sleep) as client:
        path = client.download(job_id, name, tmp_path / "f")
    assert died.is_set() and parts[0] > 3
    assert path.read_bytes() == expected


def test_a_server_that_is_away_is_exit_code_75(system: StackFixture) -> None:
    client = Client("http://127.0.0.1:9", sleep=lambda seconds: None)
    assert blastctl.main(["databases"], client) == blastctl.TRY_AGAIN
    with pytest.raises(TryAgain), Client("http://127.0.0.1:9", sleep=lambda s: None) as away:
        away.list()


def test_a_failed_and_a_cancelled_search_have_their_exit_codes(
    system: StackFixture, tmp_path: Path
) -> None:
    (tmp_path / "q.fa").write_text(demo_queries())
    query = str(tmp_path / "q.fa")
    failed = program(system, "submit", "blastn", "no_such_database", query, "--wait")
    failed.communicate(timeout=60)
    assert failed.returncode == blastctl.FAILED
    job_id = submit(system, tmp_path)
    run(system, "cancel", job_id, "--wait")
    waiting = program(system, "wait", job_id)
    waiting.communicate(timeout=60)
    assert waiting.returncode == blastctl.CANCELLED
