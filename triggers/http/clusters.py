"""HTTP handler that lists the deployment's clusters."""

from datetime import timedelta

from azure.functions import HttpRequest, HttpResponse

from shared.settings import Settings
from triggers.http.checks.power_states import PowerStates
from triggers.http.query_params import ClustersQuery, parse_query
from triggers.http.responses import handle_errors, json_response
from triggers.http.services import HttpServices
from triggers.schemas.preflight import Clusters, ClusterView

CACHE_TTL = timedelta(seconds=10)
"""The dashboard polls every 30 s from each open page."""


@handle_errors
async def list_clusters(services: HttpServices, req: HttpRequest) -> HttpResponse:
    """GET /api/monitor/aks"""
    await services.authenticate(req)
    query = parse_query(req, ClustersQuery)
    config = services.clients.settings
    if not matches_deployment(query, config):
        return json_response(Clusters(clusters=[]))
    power_states = (await services.power_states.get_fresh(CACHE_TTL)).value
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
