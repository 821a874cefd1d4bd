"""The SDK warns of what these tests do on purpose; a warning raised inside it would change it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import Child
from tests.local.functions_host.program import Launch, Reports, host, reports

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
    """Where a host of the test keeps its orchestrations."""
    yield tmp_path / "state.sqlite"


@pytest.fixture
def heard() -> Iterator[Reports]:
    with reports() as found:
        yield found


@pytest.fixture
def launch(tmp_path: Path, heard: Reports) -> Iterator[Launch]:
    """Starts the host over the state of the test; what still runs at its end is ended."""
    children: list[Child] = []

    def one_more() -> Child:
        children.append(host(tmp_path, heard))
        return children[-1]

    yield one_more
    for child in children:
        child.stop()
