"""Many jobs at once, while one outside call in twenty fails, and app and sidecar die often."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from local.elastic_blast.behaviours import FaultRule, JobFaultRule
from local.elastic_blast.calls import read_calls
from local.stack import Stack
from shared.contracts.states import Phase
from tests.faults.conftest import ENDS, QUICK, World, behind_proxies
from tests.faults.crashing import Follower
from tests.faults.faults import Fault, How
from tests.support.samples import WORDS

LONGEST = 25 * 60.0
BETWEEN_DEATHS = 20.0
"""Seconds that app and sidecar run before they are killed."""
AT_ONCE = 8
"""Clients that submit."""
EVERY = 1.0
FAILURES = (
    Fault(How.STATUS, times=None, share=0.02, seed=1, status=503),
    Fault(How.RESET_BEFORE, times=None, share=0.015, seed=2),
    Fault(How.RESET_AFTER, times=None, share=0.015, seed=3),
)
"""One in twenty of all calls."""
PATIENT = QUICK | {
    "BLAST_POLL_SCHEDULE": "1s/1m 5s",
    "BLAST_RETRY_CONFLICT": "1s x1.5 40s -",
    "BLAST_RETRY_SUBMIT_SLOT": "1s x1.5 40s -",
    "BLAST_RETRY_TRANSIENT": "1s x1.5 15s 200",
    "BLAST_RETRY_UNKNOWN": "1s x1.5 15s 200",
    "BLAST_RETRY_CRASH": "1s x1.5 15s 200",
}
"""The sidecar takes four submissions at a time, and each refusal of the others is a try."""
ROOM = {"EXEC_RATE_PER_MINUTE": "60000"}
DOOMED = FaultRule(jobs=JobFaultRule(fail_attempts=9, words=WORDS))
ONE_IN = 10
"""So many jobs have one among them whose search fails."""


@dataclass
class Crowd:
    """All the jobs, and what was seen of them."""

    world: World
    keys: Sequence[str]
    peak: int = 0
    """Bytes that the app took at most."""
    ended: dict[str, Phase] = field(default_factory=dict)

    def expected(self) -> dict[str, Phase]:
        """The end that each job has to come to."""
        ends = {self.world.id_of(key): Phase.COMPLETED for key in self.keys}
        return ends | dict.fromkeys(list(ends)[::ONE_IN], Phase.SEARCH_FAILED)

    def submit(self) -> None:
        """Each client sends its request until it is answered."""
        client = Follower(self.world)

        def sends(key: str) -> None:
            client.asks(lambda: self.world.submit(key))

        with ThreadPoolExecutor(AT_ONCE) as clients:
            list(clients.map(sends, self.keys))

    def look(self) -> None:
        """Read the rows of those that have not ended."""
        for job_id in self.expected().keys() - self.ended.keys():
            if self.world.has_row(job_id):
                phase = Phase(self.world.row(job_id)["phase"])
                if phase.is_end:
                    self.ended[job_id] = phase

    def die(self) -> None:
        """Kill the sidecar and the app, and start them again."""
        self.weigh()
        stack = self.world.stack
        stack.sidecar.kill()
        self.world.restart_host()
        stack.sidecar = stack.start_sidecar()

    def weigh(self) -> None:
        status = Path(f"/proc/{self.world.stack.host.process.pid}/status").read_text()
        weight = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        self.peak = max(self.peak, int(weight.split()[1]) * 1024)


@pytest.fixture
def many(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Crowd]:
    """A stack of its own: it dies too often to be shared."""
    stack = Stack(tmp_path, settings=PATIENT, sidecar_settings=ROOM)
    with behind_proxies(stack) as world:
        crowd = Crowd(world, [world.new_key() for _ in range(pytestconfig.getoption("--jobs"))])
        doomed = (job for job, end in crowd.expected().items() if end is Phase.SEARCH_FAILED)
        world.troubled(*(replace(DOOMED, key=job_id) for job_id in doomed))
        yield crowd


@pytest.mark.faults
@pytest.mark.timeout(LONGEST + 120)
def test_many_jobs_at_once_come_to_their_ends_each_once(
    many: Crowd,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    with many.world.faults(*FAILURES) as found, capsys.disabled():
        _run(many, began + LONGEST)
        met = sum(len(one.met) for one in found)
    took = time.monotonic() - began
    many.weigh()
    record_property("said", _figures(many, took, met))
    assert many.ended == many.expected()
    assert met > len(many.world.proxies.requests) / 40
    for job_id, end in many.ended.items():
        _judge(many.world, job_id, end)


def _run(many: Crowd, until: float) -> None:
    """Submit, and kill now and then, until all have ended or the time is over."""
    pause, wanted = threading.Event(), len(many.keys)
    sending = threading.Thread(target=many.submit, daemon=True)
    sending.start()
    death = time.monotonic() + BETWEEN_DEATHS
    while len(many.ended) < wanted and time.monotonic() < until:
        pause.wait(EVERY)
        many.look()
        if time.monotonic() > death:
            sys.stdout.write(f"{len(many.ended)} of {wanted} jobs have ended\n")
            many.die()
            death = time.monotonic() + BETWEEN_DEATHS
    sending.join(10)


def _judge(world: World, job_id: str, end: Phase) -> None:
    """Nothing of a job's history is lost or twice, and it was submitted once."""
    events = sorted(
        (row["RowKey"], row["event"]) for row in world.rows(job_id) if row["RowKey"] != "job"
    )
    assert [key for key, _ in events] == [f"event-{n:08d}" for n in range(1, len(events) + 1)]
    assert [event for _, event in events if event in ENDS] == [end]
    assert events[-1][1] == end
    outcomes = [call.outcome for call in read_calls(world.stack.world.calls, job_id)]
    assert "accepted" not in outcomes[:-1], f"{job_id} was submitted again: {outcomes}"
    assert world.processes_of(job_id) == []


def _figures(many: Crowd, took: float, met: int) -> str:
    requests, jobs = many.world.proxies.requests, len(many.keys)
    calls = Counter(request.server for request in requests)
    history = [len(many.world.rows(job_id)) - 1 for job_id in many.ended]
    tries = Counter(call.key for call in read_calls(many.world.stack.world.calls))
    lines = [
        f"{len(many.ended)} of {jobs} jobs ended in {took:.0f} s",
        f"calls of the app: {len(requests)}, of which {met} failed on purpose",
        *(f"  {server}: {count / jobs:.1f} a job" for server, count in calls.most_common()),
        f"calls of the cluster: {calls['cluster'] * 60 / took:.0f} a minute",
        f"events: {sum(history) / jobs:.1f} a job, at most {max(history, default=0)}",
        f"runs of elastic-blast: {sum(tries.values())}, at most {max(tries.values(), default=0)}",
        f"memory of the app: {many.peak / 2**20:.0f} MiB at its peak",
    ]
    return "\n  ".join(lines)
