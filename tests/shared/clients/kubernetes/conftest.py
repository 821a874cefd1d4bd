"""A CA and an API server, shared by the tests of a process and reset for each test."""

from collections.abc import Iterator

import pytest
import trustme

from shared.clients.kubernetes import ClusterCredentials, KubernetesCluster
from tests.shared.clients.kubernetes.server import Server, empty, provider, serving


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def _listening(authority: trustme.CA) -> Iterator[Server]:
    with serving(authority) as server:
        yield server


@pytest.fixture
def server(_listening: Server) -> Server:
    _listening.manner = empty
    _listening.tokens, _listening.requests = set(), []
    return _listening


@pytest.fixture
def cluster(server: Server) -> KubernetesCluster:
    """A client of the server with short timeouts."""
    credentials = ClusterCredentials(server.url, authority=server.pem.decode())
    return KubernetesCluster(provider(credentials), timeouts=(1.0, 0.5, 1.0))
