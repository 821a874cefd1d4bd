"""Only ARM's word on this very cluster proves that it is gone (failure 46)."""

import pytest

from tests.shared.clients.kubernetes.server import Reply
from tests.shared.clients.kubernetes.test_aks import (  # noqa: F401  fixtures
    GONE,
    World,
    arm,
    unreachable,
    world,
)

NOT_PROVEN = [
    Reply(404),
    Reply(404, b"<html>404 Not Found</html>"),
    Reply(404, {"error": {"code": "ResourceGroupNotFound", "message": "'r g' was not found"}}),
    Reply(404, {"error": {"code": "SubscriptionNotFound", "message": "'sub' was not found"}}),
    Reply(404, {"error": {"code": "NotFound", "message": GONE}}),
    Reply(404, {"error": {"code": "ResourceNotFound", "message": GONE.replace("/aks'", "/aks2'")}}),
    Reply(404, {"error": {"code": "ResourceNotFound", "message": GONE.replace("'r g'", "'rg'")}}),
    Reply(404, {"error": {"code": "ResourceNotFound"}}),
    Reply(404, {"error": "ResourceNotFound"}),
    Reply(410, {"error": {"code": "ResourceNotFound", "message": GONE}}),
    Reply(403, {"error": {"code": "AuthorizationFailed", "message": GONE}}),
    Reply(503, {"error": {"code": "ResourceNotFound", "message": GONE}}),
]


@pytest.mark.parametrize("said", NOT_PROVEN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_failure_46_no_other_response_proves_that_a_cluster_is_deleted(
    world: World,  # noqa: F811
    method: str,
    said: Reply,
) -> None:
    """A wrong resource group or subscription is a fault of the settings: the cluster runs on."""
    if method == "POST":
        world.arm.manner = lambda _: said
        found = world.trouble()
    else:
        found = unreachable(world, said)
    assert found.code in ("cluster_unavailable", "cluster_refused")


def test_failure_46_a_stopped_cluster_is_not_deleted(
    world: World,  # noqa: F811
) -> None:
    """Its Jobs are kept, and run again when it is started."""
    stopped = Reply(body={"properties": {"powerState": {"code": "Stopped"}}})
    assert unreachable(world, stopped).code != "cluster_not_found"
    world.clock[0] += 61
    world.arm.manner = lambda _: Reply(503)
    assert world.trouble().code == "cluster_unavailable"
