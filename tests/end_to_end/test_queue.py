"""R14: searches by queue, with the producer and consumer examples of the docs."""

import json
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient

from local.demo.queries import DEMO_DATABASE
from tests.end_to_end.conftest import TIMEOUT_SECONDS, StackFixture
from triggers.auth.callers import LOCAL
from triggers.submission.accept import derived_id

STATUSES = ("queued", "running", "succeeded")
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
QUERY = ">q\nCGTAACAAGGTTTCCGTAGGTGAACCTGCGGAAGGATCATTG\n"
SEARCH = {
    "program": "blastn",
    "db": DEMO_DATABASE,
    "query_fasta": QUERY,
    "options": {"evalue": 1e-20, "max_target_seqs": 50},
}


def example(system: StackFixture, name: str, *arguments: str) -> str:
    """Run an example program with the local storage; returns its stdout."""
    storage = (system.stack.folder / "storage").read_text()
    argv = [sys.executable, str(EXAMPLES / name), storage, *arguments]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def wait_until_accepted(system: StackFixture, job_id: str) -> None:
    """Wait until the message has become a job."""
    by, pause = time.monotonic() + TIMEOUT_SECONDS, threading.Event()
    while job_id not in [job["job_id"] for job in system.api.jobs(limit=50)["jobs"]]:
        assert time.monotonic() < by, "the message was not processed in time"
        pause.wait(0.05)


def test_r14_failure_1_the_same_search_by_queue_and_http_is_one_job(
    system: StackFixture, tmp_path: Path
) -> None:
    key, query = uuid.uuid4().hex, tmp_path / "query.fa"
    query.write_text(QUERY)
    sending = key, DEMO_DATABASE, str(query)
    example(system, "producer.py", *sending)
    wait_until_accepted(system, derived_id(LOCAL, key))
    job_id = system.api.submit(SEARCH, **{"Idempotency-Key": key})["job_id"]
    assert system.ended(job_id)["status"] == "completed"
    statuses = [word for word in example(system, "consumer.py", key).split() if word in STATUSES]
    assert statuses == list(STATUSES)
    assert system.submissions(job_id) == 1


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("queue", "changes", "expected"),
    [
        ("blast-requests", {"db": "../x"}, "failed db: "),
        ("blast-requests-poison", {}, "failed not processed after 960 attempts"),
    ],
)
def test_failure_36_an_invalid_message_is_answered_and_removed(
    system: StackFixture, queue: str, changes: dict[str, str], expected: str
) -> None:
    key = uuid.uuid4().hex
    plain = json.dumps(SEARCH | changes | {"external_correlation_id": key})
    connection = system.stack.azurite.connection_string
    with QueueClient.from_connection_string(connection, queue) as sending:
        sending.send_message(plain)
        assert f"{key} {expected}" in example(system, "consumer.py", key)
