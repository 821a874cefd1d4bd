"""Clusters over HTTP: those that this deployment sends searches to."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cache, partial
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.errors import Unavailable
from shared.settings import Settings, settings
from shared.util.single_flight import SingleFlightCache
from triggers.auth.callers import authenticate
from triggers.http.health import NOBODY
from triggers.http.parallel_checks import run_checks
from triggers.http.query_params import ClustersAsked, parse_query
from triggers.http.responses import handle_errors, json_response

PATIENCE = 5.0
"""Seconds for all clusters together; what has not answered by then is shown as stopped."""
SHARED_FOR = timedelta(seconds=10)
"""How old a list may be; the dashboard asks every 30 s, on each of its pages."""
NOT_FOUND = "cluster_not_found"
States = Mapping[str, str | None]
"""By name: `Running`, `Stopped`, or None where there is no such cluster."""


@handle_errors
def listing(req: HttpRequest) -> HttpResponse:
    """GET /api/monitor/aks"""
    authenticate(req)
    wanted = parse_query(req, ClustersAsked)
    served = settings()
    if not is_here(wanted, served):
        return json_response({"clusters": []})
    states = _shared().get_fresh(SHARED_FOR).value
    return json_response({"clusters": described(served, states)})


def described(served: Settings, states: States) -> list[dict[str, Any]]:
    """Each cluster that exists, the default first. Its size is what a search is given there."""
    return [
        {
            "name": name,
            "resource_group": served.resource_group,
            "region": served.region,
            "power_state": state,
            "provisioning_state": "Succeeded",
            "node_count": served.num_nodes,
            "node_sku": served.machine_type,
        }
        for name, state in states.items()
        if state
    ]


def look(names: Iterable[str], ask: Callable[[str], object], patience: float = PATIENCE) -> States:
    """The power state of each cluster, as its API server tells it by answering or not."""
    heard = run_checks({name: partial(_state, ask, name) for name in names}, patience)
    return {name: "Stopped" if one.trouble else one.answer for name, one in heard.items()}


def _state(ask: Callable[[str], object], name: str) -> str | None:
    """`Running`, or None where there is no such cluster. Raises Unavailable."""
    try:
        ask(name)
    except Unavailable as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return "Running"


def is_here(wanted: ClustersAsked, served: Settings) -> bool:
    """Whether the deployment's clusters lie where the request looks. Azure's names have no case."""
    group, subscription = wanted.resource_group, wanted.subscription_id
    return _is_alike(group, served.resource_group) and (
        not served.subscription_id or _is_alike(subscription, served.subscription_id)
    )


def _is_alike(wanted: str | None, served: str) -> bool:
    return wanted is None or wanted.casefold() == served.casefold()


@cache
def _shared() -> SingleFlightCache[States]:
    config = settings()
    names = [config.cluster_name, *sorted(config.allowed_clusters - {config.cluster_name})]
    return SingleFlightCache(partial(look, names, _ask), time.monotonic)


def _ask(name: str) -> None:
    dependencies.cluster(name).jobs_of(NOBODY)
