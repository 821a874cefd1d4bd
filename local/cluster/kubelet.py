"""Runs pods: each container is a local process, and each event of its life is written down."""

import asyncio
import os
import shutil
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local.cluster import groups, pods
from local.cluster.kinds import PODS, Json
from local.cluster.launch import CannotStart, prepare
from local.cluster.store import Key, Store, StoredObject
from local.cluster.times import Clock, stamp

LONGEST_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL at most, whatever a pod asks for."""


@dataclass(frozen=True)
class Pace:
    """Seconds before what failed is tried again: `first`, doubling up to `longest`."""

    first: float = 0.2
    longest: float = 5.0

    def before(self, attempt: int) -> float:
        """The wait before attempt 1, 2, ... after the first one."""
        return min(self.first * 2.0 ** min(attempt - 1, 30), self.longest)


class Kubelet:
    """The pods that run now, and the folder where each has its files and logs.

    `changed` is called after every change of a pod's record, before anything relies on it.
    """

    def __init__(self, store: Store, clock: Clock, folder: Path, pace: Pace) -> None:
        self.store = store
        self.clock = clock
        self.folder = folder
        self.pace = pace
        self.changed: Callable[[], None] = store.commit
        self._runs: dict[str, tuple[PodRun, asyncio.Task[None]]] = {}

    def start(self, record: StoredObject) -> None:
        """Begin to run a bound pod."""
        run = PodRun(self, record.key, self.home(record.uid))
        task = asyncio.create_task(run.run())
        self._runs[record.uid] = run, task
        task.add_done_callback(lambda done: self._ended(record.uid, done))

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        self._runs.pop(uid, None)
        if not task.cancelled():
            task.result()  # a bug in a run is the event loop's to report

    def stop(self, uid: str, grace: float) -> None:
        """Let a pod end, by force after `grace` seconds. Safe to say twice."""
        if running := self._runs.get(uid):
            running[0].stop(min(grace, LONGEST_GRACE))

    async def close(self) -> None:
        """End every process; the records keep saying that they ran, for `recover` to find."""
        self.changed = lambda: None
        tasks = [task for _, task in self._runs.values()]
        for run, _ in list(self._runs.values()):
            run.abandon()
        await asyncio.gather(*tasks)

    async def recover(self, record: StoredObject) -> None:
        """Take up a pod that ran when the cluster's process ended, as after a node's reboot.

        What still lives of it is killed. Its containers start again if its restart policy lets
        them, which counts as a restart; otherwise the pod has failed.
        """
        pod, now = record.draft(), self.clock()
        done = all(_is_done(pod, its["name"]) for its in pods.containers(pod, init=False))
        may_restart = pod["spec"]["restartPolicy"] == "OnFailure" and not pods.is_leaving(pod)
        again = may_restart and not done
        for status in [*pods.statuses(pod, True), *pods.statuses(pod, False)]:
            if started := status["state"].get("running"):
                await _kill(status)
                pods.set_state(pod, status["name"], _rebooted(started, now), now)
                status["restartCount"] += again
        if not again:
            pods.finish(pod, done, now)
        self.store.replace(PODS, pod)
        if again:
            self.start(record)

    def home(self, uid: str) -> Path:
        return self.folder / uid

    def forget(self, uid: str) -> None:
        """Remove the files of a pod that is gone."""
        shutil.rmtree(self.home(uid), ignore_errors=True)

    def sweep(self, known: set[str]) -> None:
        """Remove the files of every pod but the known ones."""
        if self.folder.exists():
            for left in {path.name for path in self.folder.iterdir()} - known:
                self.forget(left)


def log_path(home: Path, container: str, attempt: int) -> Path:
    return home / "logs" / f"{container}.{attempt}.log"


async def _kill(status: Json) -> None:
    its = status.get("containerID", "").removeprefix("process://")
    if its and groups.kill_recognised(its):
        await groups.wipe(int(its.partition("@")[0]))


def _rebooted(started: Json, now: datetime) -> Json:
    why = "the node stopped while the container ran"
    ended = {"exitCode": 137, "reason": "Error", "message": why, "finishedAt": stamp(now)}
    return {"terminated": {**started, **ended}}


class PodRun:
    """One life of a pod on the node, from its first container to its end."""

    def __init__(self, kubelet: Kubelet, key: Key, home: Path) -> None:
        self._kubelet = kubelet
        self._key = key
        self._home = home
        self._stopping = asyncio.Event()
        self._grace = LONGEST_GRACE
        self._abandoned = False

    async def run(self) -> None:
        pod = self._pod
        for part in ("work", "logs"):
            (self._home / part).mkdir(parents=True, exist_ok=True)
        succeeded = await self._initialize(pod) and await self._run_together(pod)
        self._write(lambda pod, now: pods.finish(pod, succeeded, now))

    def stop(self, grace: float) -> None:
        self._grace = grace
        self._stopping.set()

    def abandon(self) -> None:
        """End the processes and write nothing more, as if the machine were switched off."""
        self._abandoned = True
        self.stop(1.0)

    @property
    def _record(self) -> StoredObject:
        record = self._kubelet.store.get(PODS, *self._key)
        assert record is not None, "a pod stays listed while it runs"
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
        its = [one for one in pods.containers(pod, init=False) if not _is_done(pod, one["name"])]
        return all(await asyncio.gather(*(self._keep_running(container) for container in its)))

    async def _keep_running(self, container: Json) -> bool:
        """Run a container until it exits with 0 or may not run again; True for the former."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            try:
                code = await self._run_once(container)
            except CannotStart as why:
                waiting = {"waiting": {"reason": why.reason, "message": str(why)}}
                self._set(container, waiting)
                await self._stopping.wait()
                return False
            if code == 0:
                return True
            if not await self._may_run_again(container, attempt):
                return False
        return False

    async def _may_run_again(self, container: Json, attempt: int) -> bool:
        """Wait, count a restart, and ask whether the pod is still wanted now that it is counted."""
        if self._pod["spec"]["restartPolicy"] != "OnFailure" or self._stopping.is_set():
            return False
        delay = self._kubelet.pace.before(attempt)
        why = f"back-off {delay:g}s restarting failed container={container['name']}"
        self._set(container, {"waiting": {"reason": "CrashLoopBackOff", "message": why}})
        try:
            await asyncio.wait_for(self._stopping.wait(), delay)
        except TimeoutError:
            self._write(lambda pod, _: _count_restart(pod, container["name"]))
        return not self._stopping.is_set()

    async def _run_once(self, container: Json) -> int:
        """Start the container's process and wait for its end; the result is its exit code."""
        name = container["name"]
        work = self._home / "work"
        launch = prepare(self._pod, container, work, os.environ.get("PATH", os.defpath))
        attempt = pods.status_of(self._pod, name)["restartCount"]
        started = stamp(self._kubelet.clock())
        try:
            log = log_path(self._home, name, attempt)
            process = await groups.spawn(launch.argv, launch.env, launch.cwd, log)
        except OSError as error:
            self._set(container, _terminated(128, "StartError", started, self._now(), str(error)))
            return 128
        its = f"process://{groups.identity(process.pid) or process.pid}"
        self._set(container, {"running": {"startedAt": started, "containerID": its}})
        code = await self._until_its_end(process)
        reason = "Error" if code else "Completed"
        self._set(container, _terminated(code, reason, started, self._now()))
        return code

    async def _until_its_end(self, process: Process) -> int:
        """Let the process run, until it ends by itself or the pod is to stop."""
        waits = [asyncio.create_task(its) for its in (process.wait(), self._stopping.wait())]
        if not self._stopping.is_set():
            groups.release(process)
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        waits[1].cancel()
        if process.returncode is None:
            await groups.end(process, self._grace)
        await groups.wipe(process.pid)
        code = await waits[0]
        return code if code >= 0 else 128 - code

    def _now(self) -> str:
        return stamp(self._kubelet.clock())

    def _set(self, container: Json, state: Json) -> None:
        self._write(lambda pod, now: pods.set_state(pod, container["name"], state, now))

    def _write(self, edit: Callable[[Json, datetime], None]) -> None:
        """Edit the pod's record, and let the rest of the cluster draw its conclusions."""
        if self._abandoned:
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
    ended = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": finished}
    return {"terminated": {**ended, **({"message": message} if message else {})}}
