"""The small world as activities see it: a cluster and a sidecar that keep their contracts."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from shared.clients.kubernetes import UNHELD, ClusterJob, LeaseState, Pod
from shared.clients.kubernetes.submit_lease import DURATION, RENEWAL_INTERVAL, TOLERANCE
from shared.clients.sidecar import NOT_AN_OPERATION
from shared.contracts.exec import (
    Command,
    Finished,
    Health,
    HttpRejection,
    Interrupted,
    OperationRunning,
    Result,
    Unreachable,
    Untracked,
)
from shared.errors import Unavailable
from shared.hits.index import IndexedFile, Segment
from shared.hits.indexer import Indexer, SearchResults
from shared.hits.segment import BuiltSegment
from shared.hits.store import IndexSource, IndexStore
from tests.simulation.environment import SimulatedEnvironment
from tests.simulation.models import CallLost, Lease, Operation, StateFolder

T = TypeVar("T")
LONGEST_EXEC = timedelta(seconds=200)
KEPT = timedelta(hours=24)


@dataclass
class FakeCluster:
    """One client of the cluster, with its own snapshot."""

    environment: SimulatedEnvironment
    code: str = "cluster_unavailable"
    """What a cluster that does not answer is called."""
    is_stale: bool = False
    """Whether its snapshot grows old and is not made anew."""
    _snapshot: tuple[datetime, Mapping[str, list[ClusterJob]]] | None = None
    _pending: tuple[datetime, Mapping[str, list[Pod]]] | None = None

    async def jobs_of(self, elb_job_id: str) -> list[ClusterJob]:
        return await self._ask(lambda: [one.shown for one in self.environment.present(elb_job_id)])

    async def cached_jobs(self, elb_job_id: str, within: timedelta) -> list[ClusterJob]:
        kept = self._snapshot
        if kept is None or not (self.is_stale or self.environment.clock() - kept[0] <= within):
            began = self.environment.clock()
            self._snapshot = kept = began, await self._ask(self._all_jobs)
        return list(kept[1].get(elb_job_id, ()))

    async def pods_of(self, elb_job_id: str) -> list[Pod]:
        return await self._ask(lambda: [one.pod for one in self.environment.with_pods(elb_job_id)])

    async def cached_pending_pods(self, elb_job_id: str, within: timedelta) -> list[Pod]:
        kept = self._pending
        if kept is None or self.environment.clock() - kept[0] > within:
            began = self.environment.clock()
            self._pending = kept = began, await self._ask(self._all_waiting)
        return list(kept[1].get(elb_job_id, ()))

    async def delete_jobs(self, elb_job_id: str, *apps: str) -> None:
        await self._ask(lambda: self.environment.delete(elb_job_id, *apps))

    async def acquire_submit_lease(self, holder: str, lasting: timedelta = DURATION) -> LeaseState:
        return await self._ask(lambda: self._take(holder, lasting))

    async def renew_submit_lease(self, holder: str) -> LeaseState:
        return await self._ask(lambda: self._keep(holder))

    async def release_submit_lease(self, holder: str) -> bool:
        def free() -> bool:
            held = self.environment.lease is not None and self.environment.lease.holder == holder
            self.environment.lease = None if held else self.environment.lease
            return held

        return await self._ask(free)

    def _keep(self, holder: str) -> LeaseState:
        lease = self.environment.lease
        if lease and lease.holder == holder:
            return self._take(holder)
        return LeaseState(False, lease.holder, lease.since) if lease else UNHELD

    def _take(self, holder: str, lasting: timedelta = DURATION) -> LeaseState:
        now, lease = self.environment.clock(), self.environment.lease
        ends = lease.renewed + lease.duration if lease else now
        if lease and lease.holder != holder and now <= ends + TOLERANCE:
            return LeaseState(False, lease.holder, lease.since)
        if lease and lease.holder == holder:
            is_enough = now - lease.renewed < RENEWAL_INTERVAL and lease.duration >= lasting
            longer = Lease(holder, lease.since, now, max(lasting, ends - now))
            self.environment.lease = lease if is_enough else longer
        else:
            self.environment.lease = Lease(holder, now, now, lasting)
        if self.environment.holders[-1:] != [holder]:
            self.environment.holders.append(holder)
        return LeaseState(True, holder, self.environment.lease.since)

    def _all_jobs(self) -> Mapping[str, list[ClusterJob]]:
        self.environment.calls["list"] += 1
        found = defaultdict(list)
        for one in self.environment.jobs:
            if not one.deleted:
                found[one.elb_job_id].append(one.shown)
        return found

    def _all_waiting(self) -> Mapping[str, list[Pod]]:
        self.environment.calls["list"] += 1
        found = defaultdict(list)
        for one in self.environment.jobs:
            if one.pod.phase == "Pending":
                found[one.elb_job_id].append(one.pod)
        return found

    async def _ask(self, act: Callable[[], T]) -> T:
        async def call() -> T:
            return act()

        try:
            return await self.environment.ask("cluster", call)
        except CallLost as lost:
            raise Unavailable(self.code, str(lost)) from lost


@dataclass
class FakeSidecar:
    """The exec sidecars behind one address. One without operations knows only /exec: to anything
    else it answers 404 or 501, which proves nothing, as the dashboard's exec server does."""

    environment: SimulatedEnvironment
    refusals: list[HttpRejection] = field(default_factory=list)
    """What the next calls are answered."""

    async def health(self) -> Health | HttpRejection | Unreachable:
        if "sidecar" in self.environment.down:
            return Unreachable("no answer came", request_sent=False)
        if not self.environment.with_operations:
            return Health(4, operations=False)
        return Health(4, operations=True, instance=self.environment.met().instance)

    async def get_operation(
        self, operation_id: str, wait: timedelta, instance: str | None
    ) -> Result | None:
        if instance is None:
            return NOT_AN_OPERATION
        return await self._ask(
            lambda: self._tracked(instance, lambda it: self._look(it, operation_id, wait))
        )

    async def run_operation(
        self, operation_id: str, command: Command, wait: timedelta, instance: str
    ) -> Result:
        async def put(folder: StateFolder) -> Result | None:
            if folder.instance != instance:
                return HttpRejection(412, "this is another instance", None)
            return await self._put(folder, operation_id, command, wait)

        untracked = Untracked("the sidecar does not track the operation it received")
        return await self._ask(lambda: self._tracked(instance, put)) or untracked

    async def exec(self, command: Command) -> Result:
        return await self._ask(lambda: self._exec(command)) or Interrupted()

    async def stop_operation(self, operation_id: str, instance: str | None) -> Result | None:
        async def stop(folder: StateFolder) -> Result | None:
            if folder.instance != instance:
                return Untracked("412 of another sidecar instance")
            return await self._stop(folder, operation_id)

        if instance is None:
            return NOT_AN_OPERATION
        return await self._ask(lambda: self._tracked(instance, stop))

    async def restart(self) -> None:
        """What runs is interrupted; what has ended keeps its result."""
        await self.environment.settle()
        for process in self.environment.processes:
            process.killed = process.killed or process.runs

    async def _tracked(
        self, instance: str, act: Callable[[StateFolder], Awaitable[Result | None]]
    ) -> Result | None:
        """What an instance states about an operation; of another instance, it proves nothing."""
        if not self.environment.with_operations:
            return Untracked("501 of no sidecar that keeps operations")
        folder = self.environment.met()
        result = await act(folder)
        if folder.instance != instance and not isinstance(result, HttpRejection):
            return Untracked(f"the answer of the sidecar instance {folder.instance}")
        return result

    async def _put(
        self, folder: StateFolder, operation_id: str, command: Command, wait: timedelta
    ) -> Result | None:
        found = folder.operations.get(operation_id)
        if operation_id in folder.never or (found and found.command != command):
            return HttpRejection(409, "it exists with another body", None)
        if not found:
            process = await self.environment.begin(command)
            folder.operations[operation_id] = Operation(command, process)
        return await self._look(folder, operation_id, wait)

    async def _look(self, folder: StateFolder, operation_id: str, wait: timedelta) -> Result | None:
        found = folder.operations.get(operation_id)
        if operation_id in folder.never:
            return Interrupted()
        if found is None or self.environment.clock() - found.process.began > KEPT:
            return None
        process = found.process
        ends = process.began + process.plan.takes
        if process.runs:
            await self._pass(min(wait, max(ends - self.environment.clock(), timedelta(0))))
        if process.killed:
            return Interrupted()
        return process.result or OperationRunning(process.began.isoformat())

    async def _stop(self, folder: StateFolder, operation_id: str) -> Result | None:
        found = folder.operations.get(operation_id)
        if found and found.process.runs:
            found.process.result = Finished(143, "", "", False, timedelta(seconds=1))
        seen = await self._look(folder, operation_id, timedelta(0))
        if found is None:
            folder.never.add(operation_id)
        return seen

    async def _exec(self, command: Command) -> Result:
        process = await self.environment.begin(command)
        patience = min(command.timeout, LONGEST_EXEC)
        await self._pass(min(patience, process.plan.takes))
        if process.runs:
            return Unreachable("the read timed out", request_sent=True)
        return process.result or Interrupted()

    async def _pass(self, time: timedelta) -> None:
        self.environment.clock.now += time
        await self.environment.settle()

    async def _ask(self, act: Callable[[], Awaitable[Result | None]]) -> Result | None:
        if meanwhile := self.environment.meanwhile:
            self.environment.meanwhile = None
            await meanwhile()
        if self.refusals:
            return self.refusals.pop(0)
        if self.environment.token_is_wrong:
            return HttpRejection(401, "missing or invalid X-Exec-Token", None)
        try:
            return await self.environment.ask("sidecar", act)
        except CallLost as lost:
            return Unreachable(str(lost), lost.sent)


class QuickIndexer(Indexer):
    """Stores segments without reading the files: hundreds of searches end in these tests, whose
    results are no hits."""

    async def index(self, results: SearchResults, files: Sequence[IndexSource]) -> None:
        indexed = []
        for file in files:
            version = await self.blobs.version(results.prefix + file.name)
            indexed.append(IndexedFile(file.number, file.name, version.etag if version else ""))
        built = BuiltSegment(Segment(tuple(indexed)), Path())
        await IndexStore(self.blobs, results.prefix).add(built)
