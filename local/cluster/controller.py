"""Brings what runs into line with the records, whenever something changes or is due."""

import asyncio
import heapq
import secrets
from datetime import datetime, timedelta

from local.cluster import jobs, pods, removal
from local.cluster.kinds import JOBS, PODS
from local.cluster.kubelet import Kubelet
from local.cluster.scheduler import CROWDED, Scheduler
from local.cluster.store import Change, Key, Store, StoredObject, key_of
from local.cluster.times import Clock


class Controller:
    """The Job controller, the scheduler's hands and the collector of what is to go, in one.

    `settle()` is all there is to it: it looks at what changed since the last time and at what is
    due by the clock, and makes it durable. `run()` calls it at each due instant.
    """

    def __init__(self, store: Store, kubelet: Kubelet, scheduler: Scheduler, clock: Clock) -> None:
        self._store = store
        self._kubelet = kubelet
        self._scheduler = scheduler
        self._clock = clock
        self._changed_jobs: dict[Key, None] = {}
        self._changed_pods: dict[Key, None] = {}
        self._places: dict[str, Key] = {}
        self._arrived: list[Key] = []
        self._retry_at: dict[str, datetime] = {}
        self._due: list[tuple[datetime, Key]] = []
        self._woken = asyncio.Event()
        store.listeners.append(self._hear)
        kubelet.changed = self.settle

    async def recover(self) -> None:
        """Take up everything that the records say, at the start of the process."""
        found = self._store.every(PODS)
        self._kubelet.sweep({record.uid for record in found})
        for record in found:
            if pods.is_bound(record.obj) and not pods.is_over(record.obj):
                self._scheduler.occupy(record.uid, pods.cpus(record.obj))
                await self._kubelet.recover(record)
            self._changed_pods[record.key] = None
        for record in self._store.every(JOBS):
            self._changed_jobs[record.key] = None
        self.settle()

    async def run(self) -> None:
        """Settle at each due instant, for ever."""
        while True:
            self.settle()
            self._woken.clear()
            try:
                await asyncio.wait_for(self._woken.wait(), self._seconds_until_due())
            except TimeoutError:
                continue

    def settle(self) -> None:
        """Draw every conclusion that can be drawn now, and make it durable."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            self._changed_jobs[heapq.heappop(self._due)[1]] = None
        while self._changed_jobs or self._changed_pods:
            while self._changed_pods:
                self._look_at_pod(_first(self._changed_pods), now)
            self._place(now)
            if self._changed_jobs:
                self._look_at_job(_first(self._changed_jobs), now)
        self._store.commit()

    def _hear(self, change: Change) -> None:
        record = change.now or change.before
        assert record is not None
        if change.kind is JOBS:
            self._changed_jobs[record.key] = None
        elif change.kind is PODS:
            self._hear_pod(record, gone=change.now is None)

    def _hear_pod(self, record: StoredObject, gone: bool) -> None:
        namespace = record.key[0]
        for owner in record.obj["metadata"].get("ownerReferences", []):
            self._changed_jobs[namespace, owner["name"]] = None
        if gone:
            self._scheduler.leave(record.uid)
            self._places.pop(record.uid, None)
            self._kubelet.forget(record.uid)
        else:
            self._changed_pods[record.key] = None

    def _look_at_pod(self, key: Key, now: datetime) -> None:
        record = self._store.get(PODS, *key)
        if record is None:
            return
        if pods.is_over(record.obj):
            self._scheduler.leave(record.uid)
            if pods.is_leaving(record.obj) and not record.obj["metadata"].get("finalizers"):
                self._store.remove(PODS, record)
        elif pods.is_leaving(record.obj):
            self._end_pod(record, now)
        elif not pods.is_bound(record.obj):
            self._queue(record)

    def _end_pod(self, record: StoredObject, now: datetime) -> None:
        if pods.is_bound(record.obj):
            grace = record.obj["metadata"]["deletionGracePeriodSeconds"]
            self._kubelet.stop(record.uid, grace)
        else:
            pod = record.draft()
            pods.finish(pod, False, now)
            self._store.replace(PODS, pod)

    def _queue(self, record: StoredObject) -> None:
        if record.uid in self._places:
            return
        self._places[record.uid] = record.key
        self._arrived.append(record.key)
        if pods.held_for(record.obj) != "Unschedulable":
            self._scheduler.ask(record.uid, pods.cpus(record.obj))

    def _place(self, now: datetime) -> None:
        """Bind what fits; say of those that came just now, and did not fit, why they wait."""
        self._scheduler.place(lambda uid: self._bind(self._places.pop(uid), now))
        arrived, self._arrived = self._arrived, []
        for key in arrived:
            record = self._store.get(PODS, *key)
            if record and not pods.is_bound(record.obj):
                pod, held = record.draft(), pods.held_for(record.obj)
                why = pods.HOLDS["Unschedulable"] if held == "Unschedulable" else CROWDED
                pods.set_condition(pod, "PodScheduled", False, now, "Unschedulable", why)
                self._store.replace(PODS, pod)

    def _bind(self, key: Key, now: datetime) -> None:
        record = self._store.get(PODS, *key)
        assert record is not None, "what is gone has left the queue"
        pod = record.draft()
        pods.bind(pod, now)
        self._kubelet.start(self._store.replace(PODS, pod))

    def _look_at_job(self, key: Key, now: datetime) -> None:
        record = self._store.get(JOBS, *key)
        if record is None:
            return
        owned = {its.key: its for its in self._store.owned(PODS, record.uid)}
        retry_at = self._retry_at.get(record.uid)
        step = jobs.next_step(record.draft(), [its.obj for its in owned.values()], now, retry_at)
        if step.gone:
            self._retry_at.pop(record.uid, None)
            removal.delete(self._store, JOBS, record, removal.BACKGROUND, now)
            return
        self._apply(step, owned, now)

    def _apply(self, step: jobs.JobStep, owned: dict[Key, StoredObject], now: datetime) -> None:
        """Make one step of a Job real; what it changes is looked at again in the same settling."""
        job = self._store.replace(JOBS, step.job)
        for pod in step.counted:
            removal.release(self._store, owned[key_of(pod)])
        for pod in step.stop:
            removal.delete(self._store, PODS, owned[key_of(pod)], removal.BACKGROUND, now)
        if step.failures:
            wait = self._kubelet.pace.before(step.job["status"]["failed"])
            self._retry_at[job.uid] = now + timedelta(seconds=wait)
        if step.start_pod:
            self._store.add(PODS, pods.new_pod(job.obj, self._free_name(job)))
        if step.look_again:
            heapq.heappush(self._due, (step.look_again, job.key))
            self._woken.set()

    def _free_name(self, job: StoredObject) -> str:
        namespace, name = job.key
        while True:
            free = f"{name[:57]}-{secrets.token_hex(3)[:5]}"
            if self._store.get(PODS, namespace, free) is None:
                return free

    def _seconds_until_due(self) -> float | None:
        return (self._due[0][0] - self._clock()).total_seconds() if self._due else None


def _first(keys: dict[Key, None]) -> Key:
    """Take the key that has waited longest."""
    key = next(iter(keys))
    del keys[key]
    return key
