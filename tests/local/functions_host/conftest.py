"""Ignores SDK warnings that these tests cause on purpose; raised, they would change the SDK."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import Child
from tests.local.functions_host.program import Launch, Reports, host, report_server
from tests.local.functions_host.queue_fixture import queues  # noqa: F401  a fixture

HERE = Path(__file__).parent
EXPECTED = (
    "ignore:Potential duplicate Task completion:UserWarning",
    "ignore:azure.functions df_loads was called:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            for warning in EXPECTED:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The SQLite file of the test's host."""
    yield tmp_path / "state.sqlite"


@pytest.fixture
def reports() -> Iterator[Reports]:
    with report_server() as server:
        yield server


@pytest.fixture
def launch(tmp_path: Path, reports: Reports) -> Iterator[Launch]:
    """Starts hosts with the test's state; stops them after the test."""
    children: list[Child] = []

    def start_host() -> Child:
        children.append(host(tmp_path, reports))
        return children[-1]

    yield start_host
    for child in children:
        child.stop()
