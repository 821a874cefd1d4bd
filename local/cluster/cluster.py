"""One cluster: its records, its scheduler, its controller and the processes of its pods."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from local.cluster.controller import Controller
from local.cluster.kinds import NAMESPACES
from local.cluster.kubelet import Kubelet, Pace
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
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Take up what was running, and begin to react to changes and to time."""
        await self.controller.recover()
        self._running.append(asyncio.create_task(self.controller.run()))

    async def close(self) -> None:
        """End every process of every pod; the records stay as they are."""
        for task in self._running:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.kubelet.close()
        self.store.close()


def open_cluster(
    state: Path, cpus: int, clock: Clock = utc_now, pace: Pace | None = None
) -> LocalCluster:
    """Open the cluster whose records and pods' files are in `state`, or a new one there.

    Raises sqlite3.OperationalError if another process has it open.
    """
    state.mkdir(parents=True, exist_ok=True)
    store = Store(state / "cluster.sqlite", clock)
    kubelet = Kubelet(store, clock, state / "pods", pace or Pace())
    controller = Controller(store, kubelet, Scheduler(cpus), clock)
    if store.get(NAMESPACES, "", "default") is None:
        store.add(NAMESPACES, _DEFAULT)
    return LocalCluster(store, kubelet, controller, clock)
