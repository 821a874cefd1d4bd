"""One cluster for the tests of a process that need no own; each names its Jobs itself."""

from collections.abc import Iterator

import pytest

from tests.local.cluster.cluster_fixture import Plain, World, running


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("cluster"), "--cpus", "100") as started:
        yield started


@pytest.fixture
def plain(world: World) -> Plain:
    return Plain(world)
