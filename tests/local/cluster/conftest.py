"""A cluster shared by the tests of a process; each test uses Job names of its own."""

from collections.abc import Iterator

import pytest

from tests.local.cluster.cluster_fixture import ClusterFixture, PlainClient, running


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFixture]:
    with running(tmp_path_factory.mktemp("cluster"), "--cpus", "100") as started:
        yield started


@pytest.fixture
def plain(cluster: ClusterFixture) -> PlainClient:
    return PlainClient(cluster)
