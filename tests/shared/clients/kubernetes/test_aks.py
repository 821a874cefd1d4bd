"""AKS by identity: ARM gives the way in, and whatever is rotated is read again, once."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from shared.clients.kubernetes import CredentialProvider, KubernetesCluster
from shared.clients.kubernetes.aks import API_SERVER_SCOPE, managed_cluster
from shared.errors import Unavailable
from tests.shared.clients.kubernetes.server import Json, Reply, Server, serving, written
from tests.support.samples import NOON

KUBELOGIN = {"exec": {"command": "kubelogin", "args": ["get-token", "--server-id", "x"]}}
GONE = (
    "The Resource 'Microsoft.ContainerService/managedClusters/aks' under resource group 'r g' was "
    "not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
)
CLUSTER = "/providers/Microsoft.ContainerService/managedClusters/aks"


@dataclass
class Credential:
    """An identity with tokens that a test rotates."""

    tokens: dict[str, str] = field(default_factory=lambda: {API_SERVER_SCOPE: "one"})
    asked: list[str] = field(default_factory=list)
    life: timedelta = timedelta(hours=24)
    fails: Exception | None = None

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.asked.append(scopes[0])
        if self.fails:
            raise self.fails
        ends = (NOON + self.life).timestamp()
        return AccessToken(self.tokens.get(scopes[0], "arm-token"), int(ends))


@dataclass
class World:
    """ARM, an API server, and a cluster that is reached through both."""

    arm: Server
    server: Server
    credential: Credential
    cluster: KubernetesCluster
    clock: list[float]
    user: Json = field(default_factory=lambda: KUBELOGIN)

    def gives(self, server: Server, authority: bytes | None = None) -> None:
        """ARM hands out a kubeconfig for this server from now on."""
        config = server.kubeconfig(self.user, authority)
        given = {"kubeconfigs": [{"name": "clusterUser", "value": written(config)}]}
        self.arm.manner = lambda heard: Reply(body=given if heard.method == "POST" else {})

    def trouble(self) -> Unavailable:
        with pytest.raises(Unavailable) as caught:
            self.cluster.jobs_of("job-1")
        return caught.value

    @property
    def times_given(self) -> int:
        return sum(heard.method == "POST" for heard in self.arm.heard)


@pytest.fixture(scope="module")
def arm(authority: trustme.CA) -> Iterator[Server]:
    with serving(authority, tls=False) as listening:
        yield listening


@pytest.fixture
def world(arm: Server, server: Server) -> World:
    arm.tokens, arm.heard = {"arm-token"}, []
    server.tokens = {"one"}
    credential, clock = Credential(), [0.0]
    aks = managed_cluster(credential, f"http://127.0.0.1:{arm.port}", "sub", "r g", "aks")
    reach = CredentialProvider(
        aks.credentials, aks.explain, now=lambda: NOON, monotonic=lambda: clock[0]
    )
    found = World(
        arm, server, credential, KubernetesCluster(reach, timeouts=(1.0, 1.0, 2.0)), clock
    )
    found.gives(server)
    return found


def test_arm_and_the_api_server_get_tokens_of_their_own_scopes(world: World) -> None:
    for _ in range(3):
        assert world.cluster.jobs_of("job-1") == []
    heard = world.arm.heard
    assert [(one.method, one.query) for one in heard] == [("POST", {"api-version": "2024-09-01"})]
    where = f"/subscriptions/sub/resourceGroups/r%20g{CLUSTER}/listClusterUserCredential"
    assert heard[0].path == where
    assert world.credential.asked == [
        f"http://127.0.0.1:{world.arm.port}/.default",
        API_SERVER_SCOPE,
    ]


def test_credentials_are_read_again_after_an_hour(world: World) -> None:
    world.cluster.jobs_of("job-1")
    world.clock[0] = 3599.0
    world.cluster.jobs_of("job-1")
    assert world.times_given == 1
    world.clock[0] = 3601.0
    world.cluster.jobs_of("job-1")
    assert world.times_given == 2


def test_a_token_is_renewed_before_it_expires(world: World) -> None:
    world.credential.life = timedelta(minutes=1)
    world.cluster.jobs_of("job-1")
    world.credential.life = timedelta(hours=1)
    world.credential.tokens[API_SERVER_SCOPE], world.server.tokens = "two", {"two"}
    world.cluster.jobs_of("job-1")
    assert [heard.token for heard in world.server.heard] == ["one", "two"]


def test_failure_28_a_rotated_token_causes_one_401(world: World) -> None:
    world.cluster.jobs_of("job-1")
    world.credential.tokens[API_SERVER_SCOPE], world.server.tokens = "two", {"two"}
    for _ in range(3):
        assert world.cluster.jobs_of("job-1") == []
    assert [heard.token for heard in world.server.heard] == ["one", "one", "two", "two", "two"]


def test_failure_28_fifty_threads_renew_a_rotated_token_once(world: World) -> None:
    world.cluster.jobs_of("job-1")
    world.credential.tokens[API_SERVER_SCOPE], world.server.tokens = "two", {"two"}
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(world.cluster.jobs_of("job-1")))
        for _ in range(50)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert found == [[]] * 50
    assert world.times_given == 2


def test_failure_28_a_token_refused_twice_is_an_error(world: World) -> None:
    world.server.tokens = {"another"}
    found = world.trouble()
    assert (found.code, len(world.server.heard)) == ("cluster_refused", 2)


def test_failure_28_a_changed_ca_and_server_are_read_again(world: World) -> None:
    world.cluster.jobs_of("job-1")
    other = trustme.CA()
    with serving(other) as moved:
        world.gives(moved)
        world.server.tokens = {"none"}  # whoever is left at the old address
        assert world.cluster.jobs_of("job-1") == []
        assert len(moved.heard) == 1


def test_failure_28_a_changed_ca_of_the_same_server_is_read_again(
    world: World,
) -> None:
    world.gives(world.server, trustme.CA().cert_pem.bytes())
    assert world.trouble().code == "cluster_unavailable"
    assert world.server.heard == []  # no token went to a server that is not trusted
    world.gives(world.server)
    assert world.cluster.jobs_of("job-1") == []


@pytest.mark.parametrize(
    ("status", "body", "code", "says"),
    [
        (
            404,
            {"error": {"code": "ResourceNotFound", "message": GONE}},
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
def test_failure_29_an_arm_error_is_in_the_message(
    world: World, status: int, body: Json, code: str, says: str
) -> None:
    world.arm.manner = lambda _: Reply(status, body)
    found = world.trouble()
    assert found.code == f"cluster_{code}"
    assert says in str(found)


def test_failure_27_arm_can_send_retry_after(world: World) -> None:
    world.arm.manner = lambda _: Reply(429, headers={"Retry-After": "30"})
    found = world.trouble()
    assert (found.code, found.retry_after) == ("cluster_unavailable", timedelta(seconds=30))


def unreachable(world: World, properties: Reply) -> Unavailable:
    """The trouble with a cluster that was reached, is gone, and of which ARM says this."""
    with serving(world.arm.authority) as short_lived:
        world.gives(short_lived)
        world.cluster.jobs_of("job-1")
    world.arm.manner = lambda heard: properties if heard.method == "GET" else Reply(503)
    return world.trouble()


def test_failure_29_a_stopped_cluster_is_reported_as_stopped(world: World) -> None:
    stopped = Reply(body={"properties": {"powerState": {"code": "Stopped"}}})
    found = unreachable(world, stopped)
    assert (found.code, str(found)) == ("cluster_stopped", "the cluster aks is stopped")


def test_failure_29_a_deleted_cluster_is_reported_as_not_found(world: World) -> None:
    found = unreachable(world, Reply(404, {"error": {"code": "ResourceNotFound", "message": GONE}}))
    assert found.code == "cluster_not_found"
    assert "there is no cluster aks" in str(found)


@pytest.mark.parametrize(
    "said", [Reply(403), Reply(body={"properties": {"powerState": {"code": "Running"}}})]
)
def test_failure_29_without_an_explanation_the_original_error_is_raised(
    world: World, said: Reply
) -> None:
    found = unreachable(world, said)
    assert found.code == "cluster_unavailable"
    assert "the cluster did not answer" in str(found)


def test_failure_29_a_recreated_cluster_is_found_at_its_new_address(world: World) -> None:
    unreachable(world, Reply(503))
    world.gives(world.server)
    world.clock[0] += 61
    assert world.cluster.jobs_of("job-1") == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientAuthenticationError("no identity here"), "cluster_refused"),
        (ServiceRequestError("Entra is away"), "cluster_unavailable"),
    ],
)
def test_a_failed_token_request_is_reported(world: World, error: Exception, code: str) -> None:
    world.credential.fails = error
    found = world.trouble()
    assert found.code == code
    assert str(error) in str(found)


def test_a_kubeconfig_with_a_token_needs_no_identity(world: World) -> None:
    world.user = {"token": "one"}
    world.gives(world.server)
    assert world.cluster.jobs_of("job-1") == []
    assert API_SERVER_SCOPE not in world.credential.asked


def test_an_arm_url_without_https_is_rejected() -> None:
    with pytest.raises(ValueError, match="https"):
        managed_cluster(Credential(), "http://management.example.org", "s", "g", "n")


def test_an_error_contains_no_secret(world: World) -> None:
    text = base64.b64encode(json.dumps({"secret": "s3cret"}).encode()).decode()
    world.arm.manner = lambda _: Reply(body={"kubeconfigs": [{"value": text}]})
    assert "s3cret" not in str(world.trouble())
