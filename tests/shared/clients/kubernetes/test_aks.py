"""AKS credentials from ARM, and their renewal when tokens, CAs or servers change."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from shared.clients.kubernetes import CredentialProvider, KubernetesCluster
from shared.clients.kubernetes.aks import API_SERVER_SCOPE, managed_cluster
from shared.errors import Unavailable
from tests.shared.clients.kubernetes.server import Json, Reply, Server, encoded, serving
from tests.support.samples import NOON

KUBELOGIN = {"exec": {"command": "kubelogin", "args": ["get-token", "--server-id", "x"]}}
NOT_FOUND = (
    "The Resource 'Microsoft.ContainerService/managedClusters/aks' under resource group 'r g' was "
    "not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
)
CLUSTER = "/providers/Microsoft.ContainerService/managedClusters/aks"


@dataclass
class Credential(AsyncTokenCredential):
    """An identity whose tokens a test can change."""

    tokens: dict[str, str] = field(default_factory=lambda: {API_SERVER_SCOPE: "one"})
    scopes: list[str] = field(default_factory=list)
    lifetime: timedelta = timedelta(hours=24)
    fails: Exception | None = None

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes.append(scopes[0])
        if self.fails:
            raise self.fails
        expires = (NOON + self.lifetime).timestamp()
        return AccessToken(self.tokens.get(scopes[0], "arm-token"), int(expires))

    async def close(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


@dataclass
class AksFixture:
    """ARM, an API server, and a cluster client that uses both."""

    arm: Server
    server: Server
    credential: Credential
    cluster: KubernetesCluster
    clock: list[float]
    user: Json = field(default_factory=lambda: KUBELOGIN)

    def serve_kubeconfig(self, server: Server, authority: bytes | None = None) -> None:
        """Make ARM return a kubeconfig for this server."""
        config = server.kubeconfig(self.user, authority)
        body = {"kubeconfigs": [{"name": "clusterUser", "value": encoded(config)}]}
        self.arm.manner = lambda request: Reply(body=body if request.method == "POST" else {})

    async def list_error(self) -> Unavailable:
        with pytest.raises(Unavailable) as caught:
            await self.cluster.jobs_of("job-1")
        return caught.value

    @property
    def kubeconfig_requests(self) -> int:
        return sum(request.method == "POST" for request in self.arm.requests)


@pytest.fixture(scope="module")
def arm(authority: trustme.CA) -> Iterator[Server]:
    with serving(authority, tls=False) as listening:
        yield listening


@pytest.fixture
def aks(arm: Server, server: Server) -> AksFixture:
    arm.tokens, arm.requests = {"arm-token"}, []
    server.tokens = {"one"}
    credential, clock = Credential(), [0.0]
    managed = managed_cluster(credential, f"http://127.0.0.1:{arm.port}", "sub", "r g", "aks")
    provider = CredentialProvider(
        managed.credentials, managed.explain, now=lambda: NOON, monotonic=lambda: clock[0]
    )
    fixture = AksFixture(
        arm, server, credential, KubernetesCluster(provider, timeouts=(1.0, 1.0, 2.0)), clock
    )
    fixture.serve_kubeconfig(server)
    return fixture


async def test_arm_and_the_api_server_get_tokens_of_their_own_scopes(aks: AksFixture) -> None:
    for _ in range(3):
        assert await aks.cluster.jobs_of("job-1") == []
    requests = aks.arm.requests
    assert [(request.method, request.query) for request in requests] == [
        ("POST", {"api-version": "2024-09-01"})
    ]
    path = f"/subscriptions/sub/resourceGroups/r%20g{CLUSTER}/listClusterUserCredential"
    assert requests[0].path == path
    assert aks.credential.scopes == [
        f"http://127.0.0.1:{aks.arm.port}/.default",
        API_SERVER_SCOPE,
    ]


async def test_credentials_are_read_again_after_an_hour(aks: AksFixture) -> None:
    await aks.cluster.jobs_of("job-1")
    aks.clock[0] = 3599.0
    await aks.cluster.jobs_of("job-1")
    assert aks.kubeconfig_requests == 1
    aks.clock[0] = 3601.0
    await aks.cluster.jobs_of("job-1")
    assert aks.kubeconfig_requests == 2


async def test_a_token_is_renewed_before_it_expires(aks: AksFixture) -> None:
    aks.credential.lifetime = timedelta(minutes=1)
    await aks.cluster.jobs_of("job-1")
    aks.credential.lifetime = timedelta(hours=1)
    aks.credential.tokens[API_SERVER_SCOPE], aks.server.tokens = "two", {"two"}
    await aks.cluster.jobs_of("job-1")
    assert [request.token for request in aks.server.requests] == ["one", "two"]


async def test_failure_28_a_rotated_token_causes_one_401(aks: AksFixture) -> None:
    await aks.cluster.jobs_of("job-1")
    aks.credential.tokens[API_SERVER_SCOPE], aks.server.tokens = "two", {"two"}
    for _ in range(3):
        assert await aks.cluster.jobs_of("job-1") == []
    assert [request.token for request in aks.server.requests] == ["one", "one", "two", "two", "two"]


async def test_failure_28_fifty_callers_renew_a_rotated_token_once(aks: AksFixture) -> None:
    await aks.cluster.jobs_of("job-1")
    aks.credential.tokens[API_SERVER_SCOPE], aks.server.tokens = "two", {"two"}
    found = await asyncio.gather(*(aks.cluster.jobs_of("job-1") for _ in range(50)))
    assert found == [[]] * 50
    assert aks.kubeconfig_requests == 2


async def test_failure_28_a_token_refused_twice_is_an_error(aks: AksFixture) -> None:
    aks.server.tokens = {"another"}
    error = await aks.list_error()
    assert (error.code, len(aks.server.requests)) == ("cluster_refused", 2)


async def test_failure_28_a_changed_ca_and_server_are_read_again(aks: AksFixture) -> None:
    await aks.cluster.jobs_of("job-1")
    other = trustme.CA()
    with serving(other) as new_server:
        aks.serve_kubeconfig(new_server)
        aks.server.tokens = {"none"}  # another server at the old address
        assert await aks.cluster.jobs_of("job-1") == []
        assert len(new_server.requests) == 1


async def test_failure_28_a_changed_ca_of_the_same_server_is_read_again(
    aks: AksFixture,
) -> None:
    aks.serve_kubeconfig(aks.server, trustme.CA().cert_pem.bytes())
    assert (await aks.list_error()).code == "cluster_unavailable"
    assert aks.server.requests == []  # no token was sent to an untrusted server
    aks.serve_kubeconfig(aks.server)
    assert await aks.cluster.jobs_of("job-1") == []


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (
            404,
            {"error": {"code": "ResourceNotFound", "message": NOT_FOUND}},
            "not_found",
            "no cluster",
        ),
        (409, {"error": {"code": "ClusterStopped", "message": "no"}}, "stopped", "is stopped"),
        (403, {"error": {"message": "AuthorizationFailed"}}, "refused", "AuthorizationFailed"),
        (401, {}, "refused", "401"),
        (503, {}, "unavailable", "503"),
        (200, {}, "unavailable", "not a JSON object"),
        (200, {"kubeconfigs": []}, "unavailable", "no kubeconfig"),
        (200, {"kubeconfigs": [{"value": "e30="}]}, "unavailable", "kubeconfig"),
    ],
)
async def test_failure_29_an_arm_error_is_in_the_message(
    aks: AksFixture, status: int, body: Json, code: str, message: str
) -> None:
    aks.arm.manner = lambda _: Reply(status, body)
    error = await aks.list_error()
    assert error.code == f"cluster_{code}"
    assert message in str(error)


async def test_failure_27_arm_can_send_retry_after(aks: AksFixture) -> None:
    aks.arm.manner = lambda _: Reply(429, headers={"Retry-After": "30"})
    error = await aks.list_error()
    assert (error.code, error.retry_after) == ("cluster_unavailable", timedelta(seconds=30))


async def unreachable(aks: AksFixture, properties: Reply) -> Unavailable:
    """The error for a cluster that became unreachable, when ARM returns `properties` for it."""
    with serving(aks.arm.authority) as short_lived:
        aks.serve_kubeconfig(short_lived)
        await aks.cluster.jobs_of("job-1")
    aks.arm.manner = lambda request: properties if request.method == "GET" else Reply(503)
    return await aks.list_error()


async def test_failure_29_a_stopped_cluster_is_reported_as_stopped(aks: AksFixture) -> None:
    stopped = Reply(body={"properties": {"powerState": {"code": "Stopped"}}})
    error = await unreachable(aks, stopped)
    assert (error.code, str(error)) == ("cluster_stopped", "the cluster aks is stopped")


async def test_failure_29_a_deleted_cluster_is_reported_as_not_found(aks: AksFixture) -> None:
    error = await unreachable(
        aks, Reply(404, {"error": {"code": "ResourceNotFound", "message": NOT_FOUND}})
    )
    assert error.code == "cluster_not_found"
    assert "there is no cluster aks" in str(error)


@pytest.mark.parametrize(
    "reply", [Reply(403), Reply(body={"properties": {"powerState": {"code": "Running"}}})]
)
async def test_failure_29_without_an_explanation_the_original_error_is_raised(
    aks: AksFixture, reply: Reply
) -> None:
    error = await unreachable(aks, reply)
    assert error.code == "cluster_unavailable"
    assert "the cluster did not answer" in str(error)


async def test_failure_29_a_recreated_cluster_is_found_at_its_new_address(aks: AksFixture) -> None:
    await unreachable(aks, Reply(503))
    aks.serve_kubeconfig(aks.server)
    aks.clock[0] += 61
    assert await aks.cluster.jobs_of("job-1") == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientAuthenticationError("no identity here"), "cluster_refused"),
        (ServiceRequestError("Entra is away"), "cluster_unavailable"),
    ],
)
async def test_a_failed_token_request_is_reported(
    aks: AksFixture, error: Exception, code: str
) -> None:
    aks.credential.fails = error
    raised = await aks.list_error()
    assert raised.code == code
    assert str(error) in str(raised)


async def test_a_kubeconfig_with_a_token_needs_no_identity(aks: AksFixture) -> None:
    aks.user = {"token": "one"}
    aks.serve_kubeconfig(aks.server)
    assert await aks.cluster.jobs_of("job-1") == []
    assert API_SERVER_SCOPE not in aks.credential.scopes


def test_an_arm_url_without_https_is_rejected() -> None:
    with pytest.raises(ValueError, match="https"):
        managed_cluster(Credential(), "http://management.example.org", "s", "g", "n")


async def test_an_error_contains_no_secret(aks: AksFixture) -> None:
    text = base64.b64encode(json.dumps({"secret": "s3cret"}).encode()).decode()
    aks.arm.manner = lambda _: Reply(body={"kubeconfigs": [{"value": text}]})
    assert "s3cret" not in str(await aks.list_error())
