"""Runs pods: each container is a local process, and each change of state is stored."""

import asyncio
import os
import shutil
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local.cluster import pods, process_groups
from local.cluster.events import NORMAL, WARNING, EventRecorder
from local.cluster.launch import ContainerCannotStart, prepare
from local.cluster.log_times import index_lines
from local.cluster.resources import PODS, Json
from local.cluster.store import Key, Store, StoredObject
from local.cluster.times import Clock, stamp

MAX_GRACE_SECONDS = 5.0
"""Upper bound in seconds between SIGTERM and SIGKILL, whatever the pod's own grace period is."""


@dataclass(frozen=True)
class Backoff:
    """Delay in seconds before a retry: `first`, doubling up to `longest`."""

    first: float = 0.2
    longest: float = 5.0

    def delay(self, attempt: int) -> float:
        """The delay before retry 1, 2, ..."""
        return min(self.first * 2.0 ** min(attempt - 1, 30), self.longest)


class Kubelet:
    """The running pods, and the folder of their files and logs.

    `changed` is called after every change of a pod's object, before anything relies on it.
    """

    def __init__(
        self, store: Store, events: EventRecorder, clock: Clock, folder: Path, backoff: Backoff
    ) -> None:
        self.store = store
        self.events = events
        self.clock = clock
        self.folder = folder
        self.backoff = backoff
        self.changed: Callable[[], None] = store.commit
        self._runs: dict[str, tuple[PodRun, asyncio.Task[None]]] = {}

    def start(self, record: StoredObject) -> None:
        """Start a bound pod."""
        run = PodRun(self, record.key, self.pod_folder(record.uid))
        task = asyncio.create_task(run.run())
        self._runs[record.uid] = run, task
        task.add_done_callback(lambda done: self._ended(record.uid, done))

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        self._runs.pop(uid, None)
        if not task.cancelled():
            task.result()  # raise an unexpected error in the event loop, which logs it

    def stop(self, uid: str, grace: float) -> None:
        """End a pod: SIGTERM, SIGKILL after `grace` seconds. Idempotent."""
        if running := self._runs.get(uid):
            running[0].stop(min(grace, MAX_GRACE_SECONDS))

    async def close(self) -> None:
        """End every process; the objects still say that they run, for `recover`."""
        self.changed = lambda: None
        tasks = [task for _, task in self._runs.values()]
        for run, _ in list(self._runs.values()):
            run.abandon()
        await asyncio.gather(*tasks)

    async def recover(self, record: StoredObject) -> None:
        """Recover a pod that ran when the cluster's process ended, as after a node's reboot.

        Kills its remaining processes. If the restart policy allows, its containers start again,
        which counts as a restart; otherwise the pod has failed.
        """
        pod, now = record.draft(), self.clock()
        is_done = all(
            _is_done(pod, container["name"]) for container in pods.containers(pod, init=False)
        )
        may_restart = pod["spec"]["restartPolicy"] == "OnFailure" and not pods.is_leaving(pod)
        restarts_containers = may_restart and not is_done
        for status in [*pods.statuses(pod, True), *pods.statuses(pod, False)]:
            if started := status["state"].get("running"):
                await _kill(status)
                pods.set_state(pod, status["name"], _node_stopped_state(started, now), now)
                status["restartCount"] += restarts_containers
        if not restarts_containers:
            pods.finish(pod, is_done, now)
        self.store.replace(PODS, pod)
        if restarts_containers:
            self.start(record)

    def pod_folder(self, uid: str) -> Path:
        return self.folder / uid

    def forget(self, uid: str) -> None:
        """Remove the files of a deleted pod."""
        shutil.rmtree(self.pod_folder(uid), ignore_errors=True)

    def sweep(self, known: set[str]) -> None:
        """Remove the files of all pods that are not in `known`."""
        if self.folder.exists():
            for uid in {path.name for path in self.folder.iterdir()} - known:
                self.forget(uid)


def log_path(pod_folder: Path, container: str, attempt: int) -> Path:
    return pod_folder / "logs" / f"{container}.{attempt}.log"


async def _kill(status: Json) -> None:
    process_identity = status.get("containerID", "").removeprefix("process://")
    if process_identity and process_groups.kill_if_same(process_identity):
        await process_groups.kill_and_wait(int(process_identity.partition("@")[0]))


def _node_stopped_state(started: Json, now: datetime) -> Json:
    message = "the node stopped while the container ran"
    end_fields = {"exitCode": 137, "reason": "Error", "message": message, "finishedAt": stamp(now)}
    return {"terminated": {**started, **end_fields}}


class PodRun:
    """One run of a pod on the node, from its first container to its end."""

    def __init__(self, kubelet: Kubelet, key: Key, pod_folder: Path) -> None:
        self._kubelet = kubelet
        self._key = key
        self._home = pod_folder
        self._stopping = asyncio.Event()
        self._grace = MAX_GRACE_SECONDS
        self._is_abandoned = False

    async def run(self) -> None:
        pod = self._pod
        for part in ("work", "logs"):
            (self._home / part).mkdir(parents=True, exist_ok=True)
        succeeded = await self._initialize(pod) and await self._run_together(pod)
        self._write(lambda pod, now: pods.finish(pod, succeeded, now))

    def stop(self, grace: float) -> None:
        self._grace = grace
        if not self._is_abandoned and not self._stopping.is_set():
            for container in pods.containers(self._pod, init=False):
                self._report(NORMAL, "Killing", f"Stopping container {container['name']}")
        self._stopping.set()

    def abandon(self) -> None:
        """End the processes without storing anything, as at a power loss."""
        self._is_abandoned = True
        self.stop(1.0)

    @property
    def _record(self) -> StoredObject:
        record = self._kubelet.store.get(PODS, *self._key)
        assert record is not None, "a running pod is never deleted"
        return record

    @property
    def _pod(self) -> Json:
        return self._record.obj

    async def _initialize(self, pod: Json) -> bool:
        for container in pods.containers(pod, init=True):
            if not await self._keep_running(container):
                return False
        return not self._stopping.is_set()

    async def _run_together(self, pod: Json) -> bool:
        unfinished = [
            container
            for container in pods.containers(pod, init=False)
            if not _is_done(pod, container["name"])
        ]
        return all(
            await asyncio.gather(*(self._keep_running(container) for container in unfinished))
        )

    async def _keep_running(self, container: Json) -> bool:
        """Run a container until it exits with 0 (True) or may not be restarted (False)."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            try:
                code = await self._run_once(container)
            except ContainerCannotStart as error:
                waiting = {"waiting": {"reason": error.reason, "message": str(error)}}
                self._report(WARNING, "Failed", f"Error: {error.reason}: {error}")
                self._set(container, waiting)
                await self._stopping.wait()
                return False
            if code == 0:
                return True
            if not await self._may_run_again(container, attempt):
                return False
        return False

    async def _may_run_again(self, container: Json, attempt: int) -> bool:
        """Wait for the back-off, count a restart, and check whether the pod is still wanted."""
        if self._pod["spec"]["restartPolicy"] != "OnFailure" or self._stopping.is_set():
            return False
        delay = self._kubelet.backoff.delay(attempt)
        message = f"back-off {delay:g}s restarting failed container={container['name']}"
        self._report(
            WARNING, "BackOff", f"Back-off restarting failed container {container['name']}"
        )
        self._set(container, {"waiting": {"reason": "CrashLoopBackOff", "message": message}})
        try:
            await asyncio.wait_for(self._stopping.wait(), delay)
        except TimeoutError:
            self._write(lambda pod, _: _count_restart(pod, container["name"]))
        return not self._stopping.is_set()

    async def _run_once(self, container: Json) -> int:
        """Run the container's process to its end; returns the exit code."""
        name = container["name"]
        work = self._home / "work"
        launch = prepare(self._pod, container, work, os.environ.get("PATH", os.defpath))
        attempt = pods.status_of(self._pod, name)["restartCount"]
        started = stamp(self._kubelet.clock())
        try:
            log = log_path(self._home, name, attempt)
            process = await process_groups.spawn(launch.argv, launch.env, launch.cwd, log)
        except OSError as error:
            self._set(container, _terminated(128, "StartError", started, self._now(), str(error)))
            return 128
        for reason in ("Created", "Started"):
            self._report(NORMAL, reason, f"{reason} container {name}")
        container_id = f"process://{process_groups.identity(process.pid) or process.pid}"
        self._set(container, {"running": {"startedAt": started, "containerID": container_id}})
        code = await self._wait_for_exit(process)
        reason = "Error" if code else "Completed"
        index_lines(log, self._kubelet.clock())
        self._set(container, _terminated(code, reason, started, self._now()))
        return code

    async def _wait_for_exit(self, process: Process) -> int:
        """Release the process and wait until it ends, or end it when the pod is to stop."""
        waits = [
            asyncio.create_task(awaitable) for awaitable in (process.wait(), self._stopping.wait())
        ]
        if not self._stopping.is_set():
            process_groups.release(process)
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        waits[1].cancel()
        if process.returncode is None:
            await process_groups.end(process, self._grace)
        await process_groups.kill_and_wait(process.pid)
        code = await waits[0]
        return code if code >= 0 else 128 - code

    def _report(self, type_: str, reason: str, message: str) -> None:
        self._kubelet.events.record(PODS, self._record, type_, reason, message)

    def _now(self) -> str:
        return stamp(self._kubelet.clock())

    def _set(self, container: Json, state: Json) -> None:
        self._write(lambda pod, now: pods.set_state(pod, container["name"], state, now))

    def _write(self, edit: Callable[[Json, datetime], None]) -> None:
        """Edit the pod's object and notify the controller."""
        if self._is_abandoned:
            return
        pod = self._record.draft()
        edit(pod, self._kubelet.clock())
        self._kubelet.store.replace(PODS, pod)
        self._kubelet.changed()


def _is_done(pod: Json, name: str) -> bool:
    return bool(pods.status_of(pod, name)["state"].get("terminated", {}).get("exitCode", 1) == 0)


def _count_restart(pod: Json, name: str) -> None:
    pods.status_of(pod, name)["restartCount"] += 1


def _terminated(code: int, reason: str, started: str, finished: str, message: str = "") -> Json:
    end_fields = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": finished}
    return {"terminated": {**end_fields, **({"message": message} if message else {})}}
