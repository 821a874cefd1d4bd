"""Everything at once: storage, cluster, sidecar and the app, as `make run` starts them."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.demo.client import Api
from local.demo.following import has_ended, until
from local.demo.queries import DEMO_BATCH_LEN, DEMO_DATABASE, DEMO_FASTA
from local.demo.search import demo_request
from local.elastic_blast.behaviours import FaultRule, write_fault_rules
from local.elastic_blast.calls import read_calls
from local.elastic_blast.databases import upload_database
from local.stack import Stack
from shared.clients.kubernetes import KubernetesCluster, from_kubeconfig
from triggers.auth.callers import LOCAL
from triggers.submission.accept import derived_id

PATIENCE = 60.0
TWO_BATCHES = 2 * DEMO_BATCH_LEN
ONE_BATCH = 100_000
PACE = {
    "BLAST_POLL_SCHEDULE": "50ms/30s 1s",
    "BLAST_RESULTS_GRACE": "2s",
    "BLAST_RECONCILE_AFTER": "1s",
    "BLAST_RETRY_CONFLICT": "30s x1.5 5m -",
    "BLAST_RETRY_SUBMIT_SLOT": "30s x1.5 5m -",  # as on Azure: who waits for the slot is called
}


@dataclass
class StackFixture:
    """The running stack, as tests speak to it."""

    stack: Stack
    rules: list[FaultRule] = field(default_factory=list)

    @property
    def api(self) -> Api:
        return Api(self.stack.url)

    @property
    def cluster(self) -> KubernetesCluster:
        return KubernetesCluster(from_kubeconfig(self.stack.folder / "kubeconfig"))

    def trouble(self, make: Callable[[str], FaultRule]) -> str:
        """An idempotency key whose job has the trouble that `make` makes of its id."""
        key = uuid.uuid4().hex
        self.rules.append(make(derived_id(LOCAL, key)))
        write_fault_rules(self.stack.world.fault_rules, *self.rules)
        return key

    def submit(self, key: str | None = None, **changes: Any) -> str:
        """Submit the demo's search in two batches, or changed so; the job's id."""
        headers = {"Idempotency-Key": key} if key else {}
        body = demo_request() | {"batch_len": TWO_BATCHES} | changes
        job_id: str = self.api.submit(body, **headers)["job_id"]
        return job_id

    def until(self, job_id: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return until(self.api, job_id, done, PATIENCE)

    def ended(self, job_id: str) -> dict[str, Any]:
        return self.until(job_id, has_ended)

    def in_phase(self, job_id: str, phase: str) -> dict[str, Any]:
        return self.until(job_id, lambda job: job["phase"] == phase or has_ended(job))

    def submissions(self, job_id: str) -> int:
        """How often `elastic-blast submit` was run for a job."""
        return len(read_calls(self.stack.world.calls, job_id))

    def events(self, job_id: str) -> list[str]:
        """The names of a job's events; their sequence has no gap and no repeat."""
        events = self.api.events(job_id)
        assert [event["id"] for event in events] == [str(n + 1) for n in range(len(events))]
        return [event["event"] for event in events]

    def restart_host(self) -> None:
        """SIGKILL, as a machine that loses power; and a new start over the same state."""
        self.stack.host.kill()
        self.stack.host = self.stack.start_host()

    def reconcile(self) -> None:
        """Run the timer's function now; it has run when this returns."""
        url = f"{self.stack.url}/admin/functions/reconcile"
        assert urllib3.request("POST", url, timeout=60).status == 202

    def processes_of(self, job_id: str) -> list[int]:
        """The processes on this machine that run for a job."""
        mark = f"BLAST_ELB_JOB_ID={job_id}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # one that has just ended
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return [pid for pid in found if pid != os.getpid()]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackFixture]:
    stack = Stack(tmp_path_factory.mktemp("stack"), settings=PACE)
    stack.start()
    try:
        upload_database(DEMO_FASTA, DEMO_DATABASE, stack.world)
        yield StackFixture(stack)
    finally:
        stack.stop()


@pytest.fixture
def world(running: StackFixture) -> StackFixture:
    """The one stack of this test process; jobs keep apart by their ids."""
    return running
