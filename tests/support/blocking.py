"""Calls async clients from tests without an event loop: those of the running stack and the page."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from shared.clients.kubernetes import KubernetesCluster, from_kubeconfig
from shared.clients.kubernetes.jobs import ClusterJob
from shared.clients.kubernetes.pods import Pod
from shared.clients.kubernetes.submit_lease import LeaseState

T = TypeVar("T")


def run(call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a new event loop.

    In a thread of its own, as Playwright runs a loop in the thread of its tests.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, call).result()


@dataclass(frozen=True)
class BlockingCluster:
    """The cluster of a kubeconfig; each call opens and closes connections of its own."""

    kubeconfig: Path

    def jobs_of(self, elb_job_id: str) -> list[ClusterJob]:
        return self._call(lambda cluster: cluster.jobs_of(elb_job_id))

    def pods_of(self, elb_job_id: str) -> list[Pod]:
        return self._call(lambda cluster: cluster.pods_of(elb_job_id))

    def acquire_submit_lease(self, holder: str) -> LeaseState:
        return self._call(lambda cluster: cluster.acquire_submit_lease(holder))

    def release_submit_lease(self, holder: str) -> bool:
        return self._call(lambda cluster: cluster.release_submit_lease(holder))

    def _call(self, method: Callable[[KubernetesCluster], Awaitable[T]]) -> T:
        async def call() -> T:
            cluster = KubernetesCluster(from_kubeconfig(self.kubeconfig))
            try:
                return await method(cluster)
            finally:
                await cluster.aclose()

        return run(call())
