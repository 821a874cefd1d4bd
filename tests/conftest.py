"""What most tests stand on: a real Azurite, one per test process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from local.azurite import Azurite, start_azurite

# A container that tests run in may have it; to the app it is a sign of Azure (failure 60).
pytest.MonkeyPatch().delenv("CONTAINER_NAME", raising=False)

# The same examples in every run, and none fails because the machine is busy.
hypothesis_settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("steady")


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A real Azurite on free ports; each test names tables and containers of its own."""
    folder: Path = tmp_path_factory.mktemp("azurite")
    running = start_azurite(folder / "data", folder / "azurite.log")
    yield running
    running.child.stop()
