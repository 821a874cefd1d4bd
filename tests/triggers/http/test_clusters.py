"""The list of clusters."""

import asyncio

import pytest

from shared.errors import Unavailable
from tests.support.samples import settings
from triggers.http.checks.power_states import get_power_states
from triggers.http.clusters import cluster_views, matches_deployment
from triggers.http.query_params import ClustersQuery

SUBSCRIPTION = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"


async def ask(name: str) -> None:
    codes = {"gone": "cluster_not_found", "off": "cluster_stopped", "away": "cluster_unavailable"}
    if name in codes:
        raise Unavailable(codes[name], "not now")
    if name == "broken":
        raise RuntimeError("a bug")


async def test_a_cluster_whose_api_server_answers_is_running() -> None:
    result = await get_power_states(["local", "gone", "off", "away", "broken"], ask)
    assert result == {
        "local": "Running",
        "gone": None,
        **dict.fromkeys(("off", "away", "broken"), "Stopped"),
    }


async def test_failure_28_a_cluster_that_does_not_answer_does_not_delay_others() -> None:
    async def hang(name: str) -> None:
        if name == "slow":
            await asyncio.Event().wait()

    assert await get_power_states(["slow", "local"], hang, 0.2) == {
        "slow": "Stopped",
        "local": "Running",
    }


def test_a_cluster_has_the_default_size_of_a_search() -> None:
    served = settings(num_nodes="3", machine_type="Standard_E32s_v5")
    views = cluster_views(served, {"elb-cluster-01": "Running", "gone": None})
    assert [view.to_json() for view in views] == [
        {
            "name": "elb-cluster-01",
            "resource_group": "rg-elb",
            "region": "koreacentral",
            "power_state": "Running",
            "provisioning_state": "Succeeded",
            "node_count": 3,
            "node_sku": "Standard_E32s_v5",
        }
    ]


@pytest.mark.parametrize(
    ("asked", "configured", "here"),
    [
        ({}, "", True),
        ({"subscription_id": SUBSCRIPTION}, "", True),
        ({"subscription_id": SUBSCRIPTION}, SUBSCRIPTION.upper(), True),
        ({"subscription_id": SUBSCRIPTION}, "another", False),
        ({"subscription_id": SUBSCRIPTION, "resource_group": "RG-ELB"}, "", True),
        ({"subscription_id": SUBSCRIPTION, "resource_group": "rg-other"}, "", False),
    ],
)
def test_clusters_are_filtered_by_group_and_subscription(
    asked: dict[str, str], configured: str, here: bool
) -> None:
    assert matches_deployment(ClustersQuery(**asked), settings(subscription_id=configured)) is here
