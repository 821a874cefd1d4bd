"""Whether the deployment's clusters run."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from shared.dependencies import Dependencies
from shared.errors import Unavailable
from triggers.http.checks.parallel_checks import run_checks
from triggers.http.checks.readiness import check_cluster
from triggers.schemas.preflight import PowerState

CHECK_TIMEOUT = 5.0
"""Seconds for all clusters together; one that has not answered by then is `Stopped`."""
NOT_FOUND = "cluster_not_found"
PowerStates = Mapping[str, PowerState | None]
"""By cluster name; None if the cluster does not exist."""


async def deployment_power_states(clients: Dependencies) -> PowerStates:
    """Probe all clusters that searches may name, the default one first. Raises SettingsInvalid."""
    config = clients.settings
    names = [config.cluster_name, *sorted(config.allowed_clusters - {config.cluster_name})]
    return await get_power_states(names, partial(check_cluster, clients))


async def get_power_states(
    names: Iterable[str], probe: Callable[[str], Awaitable[object]], timeout: float = CHECK_TIMEOUT
) -> PowerStates:
    """Probe the API servers in parallel; a cluster whose API server does not answer is `Stopped`.

    `timeout` in seconds, for all clusters together.
    """
    results = await run_checks(
        {name: partial(_power_state, probe, name) for name in names}, timeout
    )
    return {name: "Stopped" if check.error else check.value for name, check in results.items()}


async def _power_state(probe: Callable[[str], Awaitable[object]], name: str) -> PowerState | None:
    """Return `Running`, or None if the cluster does not exist. Raises Unavailable."""
    try:
        await probe(name)
    except Unavailable as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return "Running"
