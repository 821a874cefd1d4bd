"""A cluster and the elastic-blast that works on it, in memory, on a clock that tests move."""

from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from shared.blast.result_files import JOB_COUNT_BLOB
from shared.clients.blobs import Blobs
from shared.contracts.exec import Command, Finished
from tests.shared.jobs.conftest import Clock
from tests.simulation.models import (
    BATCH,
    LINGER,
    TTL,
    CallFault,
    CallLost,
    KubeJob,
    Lease,
    Plan,
    Process,
    ProcessDied,
    StateFolder,
    accepted,
    already_done,
)

T = TypeVar("T")


@dataclass
class SimulatedEnvironment:
    """One cluster, one sidecar. What happens by itself happens when somebody looks."""

    clock: Clock
    blobs: Blobs
    results_url: str
    jobs: list[KubeJob] = field(default_factory=list)
    lease: Lease | None = None
    processes: list[Process] = field(default_factory=list)
    folders: list[StateFolder] = field(default_factory=lambda: [StateFolder("instance-1")])
    """The state of each sidecar behind the one address; the first answers unless `routes` says."""
    routes: deque[int] = field(default_factory=deque)
    """Which of them the next calls meet."""
    with_operations: bool = True
    token_is_wrong: bool = False
    plans: dict[str, deque[Plan]] = field(default_factory=lambda: defaultdict(deque))
    usual: Plan = field(default_factory=Plan)
    batch_time: timedelta | None = BATCH
    """How long batches run; None: until the test ends them."""
    down: set[str] = field(default_factory=set)
    """The parts that do not answer: `cluster`, `sidecar`, `store`."""
    next: dict[str, deque[CallFault | None]] = field(default_factory=lambda: defaultdict(deque))
    """What befalls the next calls; None: nothing."""
    deaths: Counter[str] = field(default_factory=Counter)
    """How often a process died right after a call was done, by part."""
    calls: Counter[str] = field(default_factory=Counter)
    holders: list[str] = field(default_factory=list)
    """Who had the submit slot, one after the other."""
    violations: list[str] = field(default_factory=list)
    """What must never happen, and did."""
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What somebody else does during the next call of the sidecar."""
    _instances: int = 1

    async def ask(self, whom: str, act: Callable[[], Awaitable[T]]) -> T:
        """A call from outside, with what befalls it. Raises Lost and Died."""
        self.calls[whom] += 1
        trouble = self.next[whom].popleft() if self.next[whom] else None
        if whom in self.down or trouble is CallFault.REFUSED:
            raise CallLost(sent=False)
        if trouble is CallFault.DIES_BEFORE:
            raise ProcessDied("killed before the call")
        await self.settle()
        answer = await act()
        await self.settle()
        self.deaths[whom] += trouble is CallFault.DIES_AFTER
        if trouble is CallFault.ANSWER_LOST:
            raise CallLost(sent=True)
        if trouble is CallFault.DIES_AFTER:
            raise ProcessDied("killed after the call")
        return answer

    # The sidecars.

    def met(self) -> StateFolder:
        """The state of the sidecar that the next call meets."""
        return self.folders[self.routes.popleft() if self.routes else 0]

    def add_sidecar(self) -> None:
        """Another sidecar behind the same address, with a state folder of its own."""
        self._instances += 1
        self.folders.append(StateFolder(f"instance-{self._instances}"))

    def lose_state(self) -> None:
        """A new sidecar in place of the first, without its state; what runs goes on somewhere."""
        self.add_sidecar()
        self.folders[0] = self.folders.pop()

    # The cluster.

    def present(self, elb_job_id: str) -> list[KubeJob]:
        """The Jobs that a list shows."""
        return [job for job in self.jobs if job.elb_job_id == elb_job_id and not job.deleted]

    def with_pods(self, elb_job_id: str) -> list[KubeJob]:
        """The Jobs whose pod is still there."""
        return [job for job in self.jobs if job.elb_job_id == elb_job_id]

    def delete(self, elb_job_id: str, *apps: str) -> None:
        """Delete Jobs; their pods go a moment later."""
        for job in self.present(elb_job_id):
            if not apps or job.app in apps:
                job.deleted = self.clock()

    async def end_batch(
        self, elb_job_id: str, well: bool = True, words: str | None = KubeJob.words
    ) -> None:
        """Let one batch that runs come to its end, if there is one."""
        for job in self.present(elb_job_id):
            if job.app == "blast" and not job.finished:
                job.ends_at, job.ends_well, job.words = self.clock(), well, words
                break
        await self.settle()

    # elastic-blast.

    async def begin(self, command: Command) -> Process:
        """Start a submission, as the sidecar does. What must not be is written down."""
        words = dict(zip(command.argv, command.argv[1:], strict=False))
        elb_job_id, job_id = words["--idempotency-key"], words["--correlation-id"]
        for other in (process.job_id for process in self.processes if process.runs):
            self.violations.append(f"{job_id} is submitted while {other} is being submitted")
        if any(job.app == "finalizer" for job in self.present(elb_job_id)):
            self.violations.append(f"the running search {elb_job_id} is submitted again")
        if not self.lease or self.lease.holder != elb_job_id:
            self.violations.append(f"{elb_job_id} is submitted without the slot")
        planned = self.plans[elb_job_id]
        plan = planned.popleft() if planned else self.usual
        until = self.clock() + command.timeout
        process = Process(elb_job_id, job_id, plan, self.clock(), until)
        self.processes.append(process)
        await self.settle()
        return process

    async def _go_on(self, process: Process) -> None:
        at, plan, elb_job_id = process.next_stage, process.plan, process.elb_job_id
        process.stage += 1
        goes_well = not plan.says or plan.leaves
        if process.stage == 1 and await self._has_marker(elb_job_id):
            process.result = _ended(already_done())
        elif at >= process.until:
            process.result = Finished(124, "", "", True, process.until - process.began)
        elif process.stage == 1 and goes_well:
            self.delete(elb_job_id)
            self._create(elb_job_id, "setup", "init-ssd", at, at)
        elif process.stage == 2 and goes_well:
            self._batches(elb_job_id, range((plan.batches + 1) // 2), at)
        elif process.stage == 3:
            process.result = _ended(plan.says or accepted(), plan.exit_code)
            if not plan.says:
                self._batches(elb_job_id, range((plan.batches + 1) // 2, plan.batches), at)
                self._create(elb_job_id, "finalizer", "elb-finalizer", at)
                await self._write(elb_job_id, JOB_COUNT_BLOB, str(plan.batches))

    def _batches(self, elb_job_id: str, numbers: range, at: datetime) -> None:
        ends = None if self.batch_time is None else at + self.batch_time
        for number in numbers:
            self._create(elb_job_id, "blast", f"blastn-batch-16s-job-{number:03d}", at, ends)

    def _create(
        self, elb_job_id: str, app: str, name: str, at: datetime, ends: datetime | None = None
    ) -> None:
        self.jobs.append(KubeJob(f"{name}-{elb_job_id[-8:]}", app, elb_job_id, at, ends))

    async def _has_marker(self, elb_job_id: str) -> bool:
        names = ("metadata/SUCCESS.txt", "metadata/FAILURE.txt")
        return any([await self.blobs.exists(self.at(elb_job_id, name)) for name in names])

    # Blobs, and what happens by itself.

    def at(self, elb_job_id: str, name: str) -> str:
        return f"{self.results_url}/{elb_job_id}/{name}"

    async def _write(self, elb_job_id: str, name: str, text: str) -> None:
        await self.blobs.put(self.at(elb_job_id, name), text.encode())

    async def settle(self) -> None:
        """Let happen, in its order, whatever is due by now."""
        while due := min(self._due(), key=lambda event: event[0], default=None):
            if due[0] > self.clock():
                return
            await due[1]()

    def _due(self) -> list[tuple[datetime, Callable[[], Awaitable[None]]]]:
        found: list[tuple[datetime, Callable[[], Awaitable[None]]]] = [
            (process.next_stage, lambda process=process: self._go_on(process))  # type: ignore[misc]
            for process in self.processes
            if process.runs
        ]
        for job in self.jobs:
            if job.deleted:
                found.append((job.deleted + LINGER, lambda job=job: self._vanish(job)))  # type: ignore[misc]
            elif not job.finished and (ends := self._end_of(job)):
                found.append((ends, lambda job=job, ends=ends: self._end(job, ends)))  # type: ignore[misc]
            elif job.finished and job.app in ("blast", "finalizer"):
                found.append((job.finished + TTL, lambda job=job: self._expire(job)))  # type: ignore[misc]
        return found

    def _end_of(self, job: KubeJob) -> datetime | None:
        """When a Job ends; the finalizer does once no batch runs any more."""
        if job.app != "finalizer" or job.ends_at:
            return None if job.waiting else job.ends_at
        batches = [batch for batch in self.present(job.elb_job_id) if batch.app == "blast"]
        if any(not batch.finished for batch in batches):
            return None
        return max([job.began, *(batch.finished for batch in batches if batch.finished)])

    async def _end(self, job: KubeJob, at: datetime) -> None:
        job.finished = at
        if job.app == "blast" and job.ends_well:
            number = job.name.split("-job-")[1][:3]
            await self._write(job.elb_job_id, f"batch_{number}-blastn-16s.out.gz", "hits")
        if job.app == "blast" and not job.ends_well and job.words is not None:
            await self._write_failure(job, job.words)
        if job.app == "finalizer":
            failed = [
                batch.name
                for batch in self._batches_of(job)
                if batch.finished and not batch.ends_well
            ]
            if failed:
                await self._write_failure(job, " ".join(failed))
            else:
                await self._write(job.elb_job_id, "metadata/SUCCESS.txt", "SUCCESS")

    async def _write_failure(self, job: KubeJob, text: str) -> None:
        """The first pod that fails writes it; later ones do not replace it."""
        if not await self.blobs.exists(self.at(job.elb_job_id, "metadata/FAILURE.txt")):
            await self._write(job.elb_job_id, "metadata/FAILURE.txt", text)

    def _batches_of(self, job: KubeJob) -> list[KubeJob]:
        return [batch for batch in self.present(job.elb_job_id) if batch.app == "blast"]

    async def _expire(self, job: KubeJob) -> None:
        self.jobs.remove(job)

    async def _vanish(self, job: KubeJob) -> None:
        self.jobs.remove(job)
        if job.spawns:
            self._create(job.elb_job_id, "blast", "blastn-batch-16s-job-099", self.clock())


def _ended(stdout: str, exit_code: int = 0) -> Finished:
    return Finished(exit_code, stdout, "", False, timedelta(seconds=2))
