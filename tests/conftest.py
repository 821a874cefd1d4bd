"""What most tests stand on: a real Azurite, one per test process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite, start_azurite


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A real Azurite on free ports; each test names tables and containers of its own."""
    folder: Path = tmp_path_factory.mktemp("azurite")
    running = start_azurite(folder / "data", folder / "azurite.log")
    yield running
    running.child.stop()
