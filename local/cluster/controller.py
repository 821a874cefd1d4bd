"""Reconciles pods and Jobs with the stored objects after changes and at due times."""

import asyncio
import heapq
import secrets
from datetime import datetime, timedelta

from local.cluster import deletion, jobs, pods
from local.cluster.events import NORMAL, WARNING
from local.cluster.kubelet import Kubelet
from local.cluster.resources import JOBS, PODS, Json
from local.cluster.scheduler import CROWDED, Scheduler
from local.cluster.store import Change, Key, Store, StoredObject, key_of
from local.cluster.times import Clock


class Controller:
    """Job controller, pod binding and garbage collection in one.

    `settle()` handles all changes since the last call and everything that is due by the clock, and
    commits the result. `run()` calls it at each due time.
    """

    def __init__(self, store: Store, kubelet: Kubelet, scheduler: Scheduler, clock: Clock) -> None:
        self._store = store
        self._kubelet = kubelet
        self._events = kubelet.events
        self._scheduler = scheduler
        self._clock = clock
        self._changed_jobs: dict[Key, None] = {}
        self._changed_pods: dict[Key, None] = {}
        self._queued_pods: dict[str, Key] = {}
        self._new_pods: list[Key] = []
        self._retry_at: dict[str, datetime] = {}
        self._due: list[tuple[datetime, Key]] = []
        self._woken = asyncio.Event()
        store.listeners.append(self._on_change)
        kubelet.changed = self.settle

    async def recover(self) -> None:
        """Handle all stored objects at the start of the process."""
        records = self._store.every(PODS)
        self._kubelet.sweep({record.uid for record in records})
        for record in records:
            if pods.is_bound(record.obj) and not pods.is_over(record.obj):
                self._scheduler.occupy(record.uid, pods.cpus(record.obj))
                await self._kubelet.recover(record)
            self._changed_pods[record.key] = None
        for record in self._store.every(JOBS):
            self._changed_jobs[record.key] = None
        self.settle()

    async def run(self) -> None:
        """Settle at each due time, until cancelled."""
        while True:
            self.settle()
            self._woken.clear()
            try:
                await asyncio.wait_for(self._woken.wait(), self._seconds_until_due())
            except TimeoutError:
                continue

    def settle(self) -> None:
        """Handle all changes and everything that is due, then commit."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            self._changed_jobs[heapq.heappop(self._due)[1]] = None
        while self._changed_jobs or self._changed_pods:
            while self._changed_pods:
                self._reconcile_pod(_first(self._changed_pods), now)
            self._bind_pods(now)
            if self._changed_jobs:
                self._reconcile_job(_first(self._changed_jobs), now)
        self._store.commit()

    def _on_change(self, change: Change) -> None:
        record = change.now or change.before
        assert record is not None
        if change.kind is JOBS:
            self._changed_jobs[record.key] = None
        elif change.kind is PODS:
            self._on_pod_change(record, gone=change.now is None)

    def _on_pod_change(self, record: StoredObject, gone: bool) -> None:
        namespace = record.key[0]
        for owner in record.obj["metadata"].get("ownerReferences", []):
            self._changed_jobs[namespace, owner["name"]] = None
        if gone:
            self._scheduler.leave(record.uid)
            self._queued_pods.pop(record.uid, None)
            self._kubelet.forget(record.uid)
        else:
            self._changed_pods[record.key] = None

    def _reconcile_pod(self, key: Key, now: datetime) -> None:
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
            self._enqueue(record)

    def _end_pod(self, record: StoredObject, now: datetime) -> None:
        if pods.is_bound(record.obj):
            grace = record.obj["metadata"]["deletionGracePeriodSeconds"]
            self._kubelet.stop(record.uid, grace)
        else:
            pod = record.draft()
            pods.finish(pod, False, now)
            self._store.replace(PODS, pod)

    def _enqueue(self, record: StoredObject) -> None:
        if record.uid in self._queued_pods:
            return
        self._queued_pods[record.uid] = record.key
        self._new_pods.append(record.key)
        if pods.held_for(record.obj) != "Unschedulable":
            self._scheduler.ask(record.uid, pods.cpus(record.obj))

    def _bind_pods(self, now: datetime) -> None:
        """Bind the pods that fit; set the reason on new pods that do not."""
        self._scheduler.place(lambda uid: self._bind(self._queued_pods.pop(uid), now))
        new_pods, self._new_pods = self._new_pods, []
        for key in new_pods:
            record = self._store.get(PODS, *key)
            if record and not pods.is_bound(record.obj):
                pod, held = record.draft(), pods.held_for(record.obj)
                message = pods.HOLDS["Unschedulable"] if held == "Unschedulable" else CROWDED
                pods.set_condition(pod, "PodScheduled", False, now, "Unschedulable", message)
                self._events.record(PODS, record, WARNING, "FailedScheduling", message)
                self._store.replace(PODS, pod)

    def _bind(self, key: Key, now: datetime) -> None:
        record = self._store.get(PODS, *key)
        assert record is not None, "a deleted pod has left the queue"
        pod = record.draft()
        pods.bind(pod, now)
        message = f"Successfully assigned {'/'.join(key)} to {pods.NODE}"
        self._events.record(PODS, record, NORMAL, "Scheduled", message)
        self._kubelet.start(self._store.replace(PODS, pod))

    def _reconcile_job(self, key: Key, now: datetime) -> None:
        record = self._store.get(JOBS, *key)
        if record is None:
            return
        owned = {pod.key: pod for pod in self._store.owned(PODS, record.uid)}
        retry_at = self._retry_at.get(record.uid)
        step = jobs.next_step(record.draft(), [pod.obj for pod in owned.values()], now, retry_at)
        if step.gone:
            self._retry_at.pop(record.uid, None)
            deletion.delete(self._store, JOBS, record, deletion.BACKGROUND, now)
            return
        self._apply(step, owned, now)

    def _apply(self, step: jobs.JobStep, owned: dict[Key, StoredObject], now: datetime) -> None:
        """Apply a Job's step; objects changed by it are handled in the same `settle`."""
        before = self._store.get(JOBS, *key_of(step.job))
        had_ended = before is not None and jobs.has_ended(before.obj)
        job = self._store.replace(JOBS, step.job)
        if not had_ended and (end := jobs.end_condition(job.obj)):
            self._report_end(job, end)
        for pod in step.counted:
            deletion.release(self._store, owned[key_of(pod)])
        for pod in step.stop:
            deletion.delete(self._store, PODS, owned[key_of(pod)], deletion.BACKGROUND, now)
        if step.failures:
            delay = self._kubelet.backoff.delay(step.job["status"]["failed"])
            self._retry_at[job.uid] = now + timedelta(seconds=delay)
        if step.start_pod:
            name = self._free_name(job)
            self._store.add(PODS, pods.new_pod(job.obj, name))
            self._events.record(JOBS, job, NORMAL, "SuccessfulCreate", f"Created pod: {name}")
        if step.due:
            heapq.heappush(self._due, (step.due, job.key))
            self._woken.set()

    def _report_end(self, job: StoredObject, end: Json) -> None:
        is_complete = end["type"] == "Complete"
        type_, reason = (NORMAL, "Completed") if is_complete else (WARNING, end["reason"])
        self._events.record(JOBS, job, type_, reason, end["message"])

    def _free_name(self, job: StoredObject) -> str:
        namespace, name = job.key
        while True:
            free = f"{name[:57]}-{secrets.token_hex(3)[:5]}"
            if self._store.get(PODS, namespace, free) is None:
                return free

    def _seconds_until_due(self) -> float | None:
        return (self._due[0][0] - self._clock()).total_seconds() if self._due else None


def _first(keys: dict[Key, None]) -> Key:
    """Remove and return the key that has waited longest."""
    key = next(iter(keys))
    del keys[key]
    return key
