"""Exec servers for the tests: one that a module shares, and as many of one's own as needed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sidecar.sidecar_fixture import Life, Sidecar, open_sidecar


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """Shared by the tests of a module: use names of your own for operations."""
    running = open_sidecar(tmp_path_factory.mktemp("sidecar"), EXEC_MAX_CONCURRENCY="16")
    yield running
    running.child.stop()


@pytest.fixture
def own_sidecar(tmp_path: Path) -> Iterator[Callable[..., Sidecar]]:
    """Starts a sidecar with the given settings, for this test alone."""
    opened: list[Sidecar] = []

    def open_own(**env: str) -> Sidecar:
        opened.append(open_sidecar(tmp_path / f"sidecar-{len(opened)}", **env))
        return opened[-1]

    yield open_own
    for running in opened:
        running.child.stop()


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)
