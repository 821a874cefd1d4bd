"""Many concurrent jobs, while 5 % of external calls fail and app and sidecar are killed."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from local.elastic_blast.calls import read_calls
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from local.stack import Stack
from shared.contracts.activities import Category
from shared.contracts.states import Phase
from tests.faults.conftest import ENDS, QUICK, ProxiedStack, behind_proxies
from tests.faults.crashes import RetryingClient
from tests.faults.faults import Fault, FaultKind
from tests.support.retries import retry_settings
from tests.support.samples import WORDS

MAX_SECONDS = 25 * 60.0
KILL_INTERVAL = 20.0
"""Seconds between two kills of app and sidecar."""
SUBMIT_CLIENTS = 8
"""Concurrent submitting clients."""
POLL_SECONDS = 1.0
FAILURES = (
    Fault(FaultKind.STATUS, times=None, share=0.02, seed=1, status=503),
    Fault(FaultKind.RESET_BEFORE, times=None, share=0.015, seed=2),
    Fault(FaultKind.RESET_AFTER, times=None, share=0.015, seed=3),
)
"""5 % of all calls."""
SLOW_RETRIES = QUICK | {
    "BLAST_POLL_SCHEDULE": "1s/1m 5s",
    **retry_settings(Category.CONFLICT, Category.SUBMIT_SLOT, first="1s", longest="40s"),
    **retry_settings(
        Category.TRANSIENT,
        Category.UNKNOWN,
        Category.CRASH,
        first="1s",
        factor="1.5",
        longest="15s",
        tries="200",
    ),
}
"""Many tries, because the sidecar accepts four submissions at a time and refuses the others."""
SIDECAR_SETTINGS = {"EXEC_RATE_PER_MINUTE": "60000"}
FAILING = FaultRule(jobs=JobFaultRule(fail_attempts=9, stderr=WORDS))
FAILING_INTERVAL = 10
"""Every n-th search fails."""


@dataclass
class JobLoad:
    """All jobs of the test, and their ends."""

    system: ProxiedStack
    keys: Sequence[str]
    peak: int = 0
    """The peak memory of the largest process of the app, in bytes."""
    ended: dict[str, Phase] = field(default_factory=dict)

    def expected(self) -> dict[str, Phase]:
        """The required end of each job."""
        ends = {self.system.id_of(key): Phase.COMPLETED for key in self.keys}
        return ends | dict.fromkeys(list(ends)[::FAILING_INTERVAL], Phase.SEARCH_FAILED)

    def submit(self) -> None:
        """Submit all jobs; each client retries until it has a response."""
        client = RetryingClient(self.system)

        def submit_one(key: str) -> None:
            client.send(lambda: self.system.submit(key))

        with ThreadPoolExecutor(SUBMIT_CLIENTS) as clients:
            list(clients.map(submit_one, self.keys))

    def update_ends(self) -> None:
        """Read the rows of the jobs that have not ended."""
        for job_id in self.expected().keys() - self.ended.keys():
            if self.system.has_row(job_id):
                phase = Phase(self.system.row(job_id)["phase"])
                if phase.is_end:
                    self.ended[job_id] = phase

    def kill_and_restart(self) -> None:
        """Kill the sidecar and the app, and start them again."""
        self.measure_memory()
        stack = self.system.stack
        stack.sidecar.kill()
        self.system.restart_host()
        stack.sidecar = stack.start_sidecar()

    def measure_memory(self) -> None:
        host = self.system.stack.host.process.pid
        children = Path(f"/proc/{host}/task/{host}/children").read_text().split()
        for pid in (host, *children):
            status = Path(f"/proc/{pid}/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            self.peak = max(self.peak, int(peak.split()[1]) * 1024)


@pytest.fixture(params=[1, 2], ids=["one-worker", "two-workers"])
def load(
    request: pytest.FixtureRequest, tmp_path: Path, pytestconfig: pytest.Config
) -> Iterator[JobLoad]:
    """Jobs on a stack of their own, because it is killed often.

    With two workers, the calls of a job go to two processes in turn: what one keeps in memory is
    old or missing in the other.
    """
    stack = Stack(
        tmp_path,
        settings=SLOW_RETRIES,
        sidecar_settings=SIDECAR_SETTINGS,
        workers=request.param,
    )
    with behind_proxies(stack) as system:
        jobs = JobLoad(system, [system.new_key() for _ in range(pytestconfig.getoption("--jobs"))])
        failing = (job for job, end in jobs.expected().items() if end is Phase.SEARCH_FAILED)
        system.add_rules(*(replace(FAILING, key=job_id) for job_id in failing))
        yield jobs


@pytest.mark.faults
@pytest.mark.timeout(MAX_SECONDS + 120)
def test_many_concurrent_jobs_reach_their_ends_once(
    load: JobLoad,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    with load.system.faults(*FAILURES) as active_faults, capsys.disabled():
        _run(load, began + MAX_SECONDS)
        met = sum(len(fault.met) for fault in active_faults)
    took = time.monotonic() - began
    load.measure_memory()
    record_property("summary", _figures(load, took, met))
    assert load.ended == load.expected()
    assert met > len(load.system.proxies.requests) / 40
    for job_id, end in load.ended.items():
        _assert_end(load.system, job_id, end)


def _run(load: JobLoad, until: float) -> None:
    """Submit, and kill at intervals, until all jobs have ended or `until`."""
    pause, wanted = threading.Event(), len(load.keys)
    sending = threading.Thread(target=load.submit, daemon=True)
    sending.start()
    next_kill = time.monotonic() + KILL_INTERVAL
    while len(load.ended) < wanted and time.monotonic() < until:
        pause.wait(POLL_SECONDS)
        load.update_ends()
        if time.monotonic() > next_kill:
            sys.stdout.write(f"{len(load.ended)} of {wanted} jobs have ended\n")
            load.kill_and_restart()
            next_kill = time.monotonic() + KILL_INTERVAL
    sending.join(10)


def _assert_end(system: ProxiedStack, job_id: str, end: Phase) -> None:
    """Assert that no event is lost or repeated, and that the job was submitted once."""
    events = sorted(
        (row["RowKey"], row["event"]) for row in system.rows(job_id) if row["RowKey"] != "job"
    )
    assert [key for key, _ in events] == [f"event-{n:08d}" for n in range(1, len(events) + 1)]
    assert [event for _, event in events if event in ENDS] == [end]
    assert events[-1][1] == end
    outcomes = [call.outcome for call in read_calls(system.stack.environment.calls, job_id)]
    assert "accepted" not in outcomes[:-1], f"{job_id} was submitted again: {outcomes}"
    assert system.processes_of(job_id) == []


def _figures(load: JobLoad, took: float, met: int) -> str:
    requests, jobs = load.system.proxies.requests, len(load.keys)
    calls = Counter(request.server for request in requests)
    history = [len(load.system.rows(job_id)) - 1 for job_id in load.ended]
    tries = Counter(call.key for call in read_calls(load.system.stack.environment.calls))
    lines = [
        f"{len(load.ended)} of {jobs} jobs ended in {took:.0f} s",
        f"calls of the app: {len(requests)}, of which {met} failed by injection",
        *(f"  {server}: {count / jobs:.1f} a job" for server, count in calls.most_common()),
        f"calls of the cluster: {calls['cluster'] * 60 / took:.0f} a minute",
        f"events: {sum(history) / jobs:.1f} a job, at most {max(history, default=0)}",
        f"runs of elastic-blast: {sum(tries.values())}, at most {max(tries.values(), default=0)}",
        f"memory of a process of the app: {load.peak / 2**20:.0f} MiB at its peak",
    ]
    return "\n  ".join(lines)
