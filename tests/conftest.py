"""Fixtures for all tests: a real Azurite, one per test process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from local.azurite import Azurite, start_azurite

# May be set in the container that runs the tests; the app takes it for Azure (failure 60).
pytest.MonkeyPatch().delenv("CONTAINER_NAME", raising=False)

# Deterministic examples, and no failures on a busy machine.
hypothesis_settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("steady")


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A real Azurite on free ports. Each test uses its own tables and containers."""
    folder: Path = tmp_path_factory.mktemp("azurite")
    running = start_azurite(folder / "data", folder / "azurite.log")
    yield running
    running.child.stop()
