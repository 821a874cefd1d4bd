"""Exec servers for tests: one shared by a module, and own ones on demand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sidecar.sidecar_fixture import CommandPipe, Sidecar, open_sidecar


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar shared by a module's tests: use unique operation names."""
    running = open_sidecar(tmp_path_factory.mktemp("sidecar"), EXEC_MAX_CONCURRENCY="16")
    yield running
    running.child.stop()


@pytest.fixture
def own_sidecar(tmp_path: Path) -> Iterator[Callable[..., Sidecar]]:
    """Starts a sidecar with the given settings for one test."""
    opened: list[Sidecar] = []

    def open_own(**env: str) -> Sidecar:
        opened.append(open_sidecar(tmp_path / f"sidecar-{len(opened)}", **env))
        return opened[-1]

    yield open_own
    for running in opened:
        running.child.stop()


@pytest.fixture
def pipe(tmp_path: Path) -> CommandPipe:
    return CommandPipe(tmp_path)
