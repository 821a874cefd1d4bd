"""The interfaces of the cluster, the sidecar and Durable Functions that activities use."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, TypeAlias

from shared.clients.kubernetes import DURATION, ClusterJob, LeaseState, Pod
from shared.contracts.exec import Command, Health, HttpRejection, Result, Unreachable
from shared.contracts.job import Job


class Cluster(Protocol):
    """The part of shared.clients.kubernetes.Cluster that is used. All raise Unavailable."""

    async def jobs_of(self, elb_job_id: str) -> list[ClusterJob]: ...

    async def cached_jobs(self, elb_job_id: str, within: timedelta) -> list[ClusterJob]: ...

    async def pods_of(self, elb_job_id: str) -> list[Pod]: ...

    async def cached_pending_pods(self, elb_job_id: str, within: timedelta) -> list[Pod]: ...

    async def delete_jobs(self, elb_job_id: str, *apps: str) -> None: ...

    async def acquire_submit_lease(
        self, holder: str, lasting: timedelta = DURATION
    ) -> LeaseState: ...

    async def renew_submit_lease(self, holder: str) -> LeaseState: ...

    async def release_submit_lease(self, holder: str) -> bool: ...


class Sidecar(Protocol):
    """The part of shared.clients.sidecar.Sidecar that is used. Failures are values.

    `instance` is the id of the sidecar instance that has the operation; None if none has it, as
    the command was given to /exec.
    """

    async def health(self) -> Health | HttpRejection | Unreachable: ...

    async def get_operation(
        self, operation_id: str, wait: timedelta, instance: str | None
    ) -> Result | None: ...

    async def run_operation(
        self, operation_id: str, command: Command, wait: timedelta, instance: str
    ) -> Result: ...

    async def exec(self, command: Command) -> Result: ...

    async def stop_operation(self, operation_id: str, instance: str | None) -> Result | None: ...


class Orchestrations(Protocol):
    """Starts and wakes orchestrations. Both raise Unavailable."""

    async def ensure_started(self, job: Job) -> None: ...

    async def wake(self, job: Job) -> None: ...


Clusters: TypeAlias = Callable[[str], Cluster]
"""The cluster of a name."""
