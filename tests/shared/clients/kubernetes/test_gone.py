"""Only ARM's error about this cluster proves that it is deleted (failure 46)."""

import pytest

from tests.shared.clients.kubernetes.server import Reply
from tests.shared.clients.kubernetes.test_aks import (  # noqa: F401  fixtures
    NOT_FOUND,
    AksFixture,
    aks,
    arm,
    unreachable,
)

NOT_PROVEN = [
    Reply(404),
    Reply(404, b"<html>404 Not Found</html>"),
    Reply(404, {"error": {"code": "ResourceGroupNotFound", "message": "'r g' was not found"}}),
    Reply(404, {"error": {"code": "SubscriptionNotFound", "message": "'sub' was not found"}}),
    Reply(404, {"error": {"code": "NotFound", "message": NOT_FOUND}}),
    Reply(
        404,
        {"error": {"code": "ResourceNotFound", "message": NOT_FOUND.replace("/aks'", "/aks2'")}},
    ),
    Reply(
        404, {"error": {"code": "ResourceNotFound", "message": NOT_FOUND.replace("'r g'", "'rg'")}}
    ),
    Reply(404, {"error": {"code": "ResourceNotFound"}}),
    Reply(404, {"error": "ResourceNotFound"}),
    Reply(410, {"error": {"code": "ResourceNotFound", "message": NOT_FOUND}}),
    Reply(403, {"error": {"code": "AuthorizationFailed", "message": NOT_FOUND}}),
    Reply(503, {"error": {"code": "ResourceNotFound", "message": NOT_FOUND}}),
]


@pytest.mark.parametrize("reply", NOT_PROVEN)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_failure_46_no_other_response_proves_that_a_cluster_is_deleted(
    aks: AksFixture,  # noqa: F811
    method: str,
    reply: Reply,
) -> None:
    """A wrong resource group or subscription is a wrong setting: the cluster may run."""
    if method == "POST":
        aks.arm.manner = lambda _: reply
        error = await aks.list_error()
    else:
        error = await unreachable(aks, reply)
    assert error.code in ("cluster_unavailable", "cluster_refused")


async def test_failure_46_a_stopped_cluster_is_not_deleted(
    aks: AksFixture,  # noqa: F811
) -> None:
    """Its Jobs are kept and continue after a start."""
    stopped = Reply(body={"properties": {"powerState": {"code": "Stopped"}}})
    assert (await unreachable(aks, stopped)).code != "cluster_not_found"
    aks.clock[0] += 61
    aks.arm.manner = lambda _: Reply(503)
    assert (await aks.list_error()).code == "cluster_unavailable"
