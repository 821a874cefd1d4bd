"""One cluster for the tests of a process that need no own; each names its Jobs itself."""

from collections.abc import Iterator

import pytest

from tests.local.cluster.cluster_fixture import ClusterFixture, Plain, running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterFixture]:
    with running(tmp_path_factory.mktemp("cluster"), "--cpus", "100") as started:
        yield started


@pytest.fixture
def plain(world: ClusterFixture) -> Plain:
    return Plain(world)
