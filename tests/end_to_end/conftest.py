"""The whole stack for tests: storage, cluster, sidecar and app, as `make run` starts them."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.demo.client import Api
from local.demo.polling import has_ended, until
from local.demo.queries import DEMO_BATCH_LEN, DEMO_DATABASE, DEMO_FASTA
from local.demo.search import demo_request
from local.elastic_blast.calls import read_calls
from local.elastic_blast.databases import upload_database
from local.elastic_blast.fault_rules import FaultRule, write_fault_rules
from local.stack import Stack
from shared.contracts.activities import Category
from tests.support.blocking import BlockingCluster
from tests.support.retries import retry_settings
from triggers.auth.callers import LOCAL
from triggers.submission.accept import derived_id

TIMEOUT_SECONDS = 60.0
TWO_BATCHES = 2 * DEMO_BATCH_LEN
ONE_BATCH = 100_000
FAST_POLLING = {
    "BLAST_POLL_SCHEDULE": "50ms/30s 1s",
    "BLAST_RESULTS_GRACE": "2s",
    "BLAST_RECONCILE_AFTER": "1s",
    # As on Azure: waiting jobs are woken.
    **retry_settings(Category.CONFLICT, Category.SUBMIT_SLOT, first="30s", longest="5m"),
}


@dataclass
class StackFixture:
    """The running stack, with helpers for tests."""

    stack: Stack
    rules: list[FaultRule] = field(default_factory=list)

    @property
    def api(self) -> Api:
        return Api(self.stack.url)

    @property
    def cluster(self) -> BlockingCluster:
        return BlockingCluster(self.stack.folder / "kubeconfig")

    def add_fault(self, make: Callable[[str], FaultRule]) -> str:
        """Add the fault rule that `make` returns for a new job id; returns the job's key."""
        key = uuid.uuid4().hex
        self.rules.append(make(derived_id(LOCAL, key)))
        write_fault_rules(self.stack.environment.fault_rules, *self.rules)
        return key

    def submit(self, key: str | None = None, **changes: Any) -> str:
        """Submit the demo's search in two batches, with changes; returns the job's id."""
        headers = {"Idempotency-Key": key} if key else {}
        body = demo_request() | {"batch_len": TWO_BATCHES} | changes
        job_id: str = self.api.submit(body, **headers)["job_id"]
        return job_id

    def until(self, job_id: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return until(self.api, job_id, done, TIMEOUT_SECONDS)

    def ended(self, job_id: str) -> dict[str, Any]:
        return self.until(job_id, has_ended)

    def in_phase(self, job_id: str, phase: str) -> dict[str, Any]:
        return self.until(job_id, lambda job: job["exact_phase"] == phase or has_ended(job))

    def submissions(self, job_id: str) -> int:
        """The number of runs of `elastic-blast submit` for a job."""
        return len(read_calls(self.stack.environment.calls, job_id))

    def events(self, job_id: str) -> list[str]:
        """The names of a job's events; asserts that their sequence has no gap."""
        events = self.api.events(job_id)
        assert [event["id"] for event in events] == [str(n + 1) for n in range(len(events))]
        return [event["event"] for event in events]

    def restart_host(self) -> None:
        """SIGKILL the host, as at a power loss, and start it again with the same state."""
        self.stack.host.kill()
        self.stack.host = self.stack.start_host()

    def reconcile(self) -> None:
        """Run the reconcile timer now, to its end."""
        url = f"{self.stack.url}/admin/functions/reconcile"
        assert urllib3.request("POST", url, timeout=60).status == 202

    def processes_of(self, job_id: str) -> list[int]:
        """The processes of a job on this machine."""
        mark = f"BLAST_ELB_JOB_ID={job_id}".encode()
        pids = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # the process has just ended
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    pids.append(int(entry.name))
        return [pid for pid in pids if pid != os.getpid()]


@contextmanager
def started(stack: Stack) -> Iterator[StackFixture]:
    """The stack with the demo's database; stopped at the end."""
    stack.start()
    try:
        upload_database(DEMO_FASTA, DEMO_DATABASE, stack.environment)
        yield StackFixture(stack)
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackFixture]:
    with started(Stack(tmp_path_factory.mktemp("stack"), settings=FAST_POLLING)) as system:
        yield system


@pytest.fixture
def system(running: StackFixture) -> StackFixture:
    """The stack shared by this test process; jobs are separated by their ids."""
    return running
