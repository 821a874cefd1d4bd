"""R14: the queue as a second way in, with the producer and the consumer of the docs."""

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
from tests.end_to_end.conftest import PATIENCE, StackFixture
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


def example(world: StackFixture, name: str, *words: str) -> str:
    """What a program of the docs prints, which is given the storage of the local run."""
    storage = (world.stack.folder / "storage").read_text()
    argv = [sys.executable, str(EXAMPLES / name), storage, *words]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return ended.stdout


def taken(world: StackFixture, job_id: str) -> None:
    """Return once the message has been made a job."""
    by, pause = time.monotonic() + PATIENCE, threading.Event()
    while job_id not in [job["job_id"] for job in world.api.jobs(limit=50)["jobs"]]:
        assert time.monotonic() < by, "nobody takes the message"
        pause.wait(0.05)


def test_r14_failure_1_a_search_by_queue_and_by_http_is_one_job(
    world: StackFixture, tmp_path: Path
) -> None:
    key, query = uuid.uuid4().hex, tmp_path / "query.fa"
    query.write_text(QUERY)
    sending = key, DEMO_DATABASE, str(query)
    example(world, "producer.py", *sending)
    taken(world, derived_id(LOCAL, key))
    job_id = world.api.submit(SEARCH, **{"Idempotency-Key": key})["job_id"]
    assert world.ended(job_id)["status"] == "completed"
    told = [word for word in example(world, "consumer.py", key).split() if word in STATUSES]
    assert told == list(STATUSES)
    assert world.submissions(job_id) == 1


@pytest.mark.parametrize(
    ("queue", "changes", "told"),
    [
        ("blast-requests", {"db": "../x"}, "failed db: "),
        ("blast-requests-poison", {}, "failed not processed after 5 attempts"),
    ],
)
def test_failure_36_a_message_in_vain_is_answered_and_goes(
    world: StackFixture, queue: str, changes: dict[str, str], told: str
) -> None:
    key = uuid.uuid4().hex
    plain = json.dumps(SEARCH | changes | {"external_correlation_id": key})
    connection = world.stack.azurite.connection_string
    with QueueClient.from_connection_string(connection, queue) as sending:
        sending.send_message(plain)
        assert f"{key} {told}" in example(world, "consumer.py", key)
