"""Readiness: whether each service that the app needs answers."""

import logging
from collections.abc import Awaitable, Callable, Mapping

from shared.clients.sidecar import SidecarClient
from shared.contracts.exec import HttpRejection
from shared.contracts.storage_urls import QUERIES
from shared.dependencies import Dependencies
from shared.errors import Unavailable
from triggers.http.checks.parallel_checks import CheckResult, run_checks
from triggers.schemas.app import DependencyName, DependencyStatus, Ready

log = logging.getLogger("blast")

CHECK_TIMEOUT = 5.0
"""Seconds for all checks together; they run in parallel."""
REQUIRED = frozenset[DependencyName]({"tables", "blob", "queue"})
"""Without these no search is accepted; without the others accepted searches wait."""
PROBE_JOB_ID = "job-" + "0" * 32
"""The id of no job; checks query it, because the answer is small."""


async def check_dependencies(clients: Dependencies) -> Ready:
    """Check all dependencies in parallel. Error texts are only logged: they can name internals.

    Raises SettingsInvalid.
    """
    cluster_name = clients.settings.cluster_name  # invalid settings must not fail as every check
    checks: dict[DependencyName, Callable[[], Awaitable[object]]] = {
        "tables": lambda: clients.jobs.find(PROBE_JOB_ID),
        "blob": lambda: clients.blobs.missing_containers(QUERIES),
        "queue": lambda: clients.completions_queue.ensure(),
        "sidecar": lambda: check_sidecar(clients.sidecar),
        "cluster": lambda: check_cluster(clients, cluster_name),
    }
    return summarize(await run_checks(checks, CHECK_TIMEOUT))


def summarize(results: Mapping[DependencyName, CheckResult[object]]) -> Ready:
    """Summarize the results of all checks."""
    checks = {
        name: DependencyStatus(
            status="unavailable" if result.error else "ok", milliseconds=result.milliseconds
        )
        for name, result in results.items()
    }
    failed = {name for name, result in results.items() if result.error}
    return Ready(
        status="unavailable" if failed & REQUIRED else "degraded" if failed else "ok",
        checks=checks,
    )


async def check_sidecar(sidecar: SidecarClient) -> None:
    """Raise Unavailable if the sidecar does not answer or refuses the token."""
    failure = await sidecar.check_token()
    if failure is None:
        return
    if isinstance(failure, HttpRejection) and failure.status in (401, 403):
        log.error("configuration_refused code=sidecar_%s", failure.status)
        raise Unavailable("sidecar_refused", f"the sidecar refuses the token: {failure.message}")
    raise Unavailable("sidecar_unavailable", failure.message)


async def check_cluster(clients: Dependencies, name: str) -> None:
    """Raise Unavailable if the cluster of that name does not answer or does not exist."""
    await clients.cluster(name).jobs_of(PROBE_JOB_ID)
