"""A cluster: its objects, scheduler, controller and the processes of its pods."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from local.cluster.controller import Controller
from local.cluster.events import EventRecorder
from local.cluster.kubelet import Backoff, Kubelet
from local.cluster.resources import NAMESPACES
from local.cluster.scheduler import Scheduler
from local.cluster.store import Store
from local.cluster.times import Clock, utc_now

_DEFAULT = {"metadata": {"name": "default"}, "spec": {}, "status": {"phase": "Active"}}


@dataclass
class LocalCluster:
    """The parts of a cluster; use `open_cluster`, then `start` and `close`."""

    store: Store
    kubelet: Kubelet
    controller: Controller
    clock: Clock
    job_quota: int | None = None
    """Jobs that a namespace can have; None without a quota."""
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Recover the pods of an earlier process, and start to handle changes and timers."""
        await self.controller.recover()
        self._running.append(asyncio.create_task(self.controller.run()))

    async def close(self) -> None:
        """End all pods' processes; the stored objects do not change."""
        for task in self._running:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.kubelet.close()
        self.store.close()


def open_cluster(
    state: Path,
    cpus: int,
    clock: Clock = utc_now,
    backoff: Backoff | None = None,
    job_quota: int | None = None,
) -> LocalCluster:
    """Open or create the cluster with its objects and pod files in `state`.

    Raises sqlite3.OperationalError if another process has it open.
    """
    state.mkdir(parents=True, exist_ok=True)
    store = Store(state / "cluster.sqlite", clock)
    events = EventRecorder(store, clock)
    kubelet = Kubelet(store, events, clock, state / "pods", backoff or Backoff())
    controller = Controller(store, kubelet, Scheduler(cpus), clock)
    if store.get(NAMESPACES, "", "default") is None:
        store.add(NAMESPACES, _DEFAULT)
    return LocalCluster(store, kubelet, controller, clock, job_quota)
