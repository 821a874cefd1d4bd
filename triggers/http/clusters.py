"""HTTP handler that lists the deployment's clusters."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cache, partial

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.errors import Unavailable
from shared.settings import Settings, settings
from shared.util.single_flight import SingleFlightCache
from triggers.auth.callers import authenticate
from triggers.http.health import PROBE_JOB_ID
from triggers.http.parallel_checks import run_checks
from triggers.http.query_params import ClustersQuery, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.schemas.preflight import Clusters, ClusterView, PowerState

CHECK_TIMEOUT = 5.0
"""Seconds for all clusters together; one that has not answered by then is `Stopped`."""
CACHE_TTL = timedelta(seconds=10)
"""The dashboard polls every 30 s from each open page."""
NOT_FOUND = "cluster_not_found"
PowerStates = Mapping[str, PowerState | None]
"""By cluster name; None if the cluster does not exist."""


@handle_errors
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/monitor/aks"""
    authenticate(req)
    query = parse_query(req, ClustersQuery)
    config = settings()
    if not matches_deployment(query, config):
        return json_response(Clusters(clusters=[]))
    power_states = _power_state_cache().get_fresh(CACHE_TTL).value
    return json_response(Clusters(clusters=cluster_views(config, power_states)))


def cluster_views(config: Settings, power_states: PowerStates) -> list[ClusterView]:
    """Return the existing clusters with a search's default size; the default cluster is first."""
    return [
        ClusterView(
            name=name,
            resource_group=config.resource_group,
            region=config.region,
            power_state=power_state,
            provisioning_state="Succeeded",
            node_count=config.num_nodes,
            node_sku=config.machine_type,
        )
        for name, power_state in power_states.items()
        if power_state
    ]


def get_power_states(
    names: Iterable[str], probe: Callable[[str], object], timeout: float = CHECK_TIMEOUT
) -> PowerStates:
    """Probe the API servers in parallel; a cluster whose API server does not answer is `Stopped`.

    `timeout` in seconds, for all clusters together.
    """
    results = run_checks({name: partial(_power_state, probe, name) for name in names}, timeout)
    return {name: "Stopped" if check.error else check.value for name, check in results.items()}


def _power_state(probe: Callable[[str], object], name: str) -> PowerState | None:
    """Return `Running`, or None if the cluster does not exist. Raises Unavailable."""
    try:
        probe(name)
    except Unavailable as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return "Running"


def matches_deployment(query: ClustersQuery, config: Settings) -> bool:
    """Whether the deployment is in the requested resource group and subscription.

    Azure names are case-insensitive. Any subscription matches if the deployment sets none.
    """
    group, subscription = query.resource_group, query.subscription_id
    return _is_same_name(group, config.resource_group) and (
        not config.subscription_id or _is_same_name(subscription, config.subscription_id)
    )


def _is_same_name(requested: str | None, configured: str) -> bool:
    return requested is None or requested.casefold() == configured.casefold()


@cache
def _power_state_cache() -> SingleFlightCache[PowerStates]:
    config = settings()
    names = [config.cluster_name, *sorted(config.allowed_clusters - {config.cluster_name})]
    return SingleFlightCache(partial(get_power_states, names, _probe), time.monotonic)


def _probe(name: str) -> None:
    dependencies.cluster(name).jobs_of(PROBE_JOB_ID)
