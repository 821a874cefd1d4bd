"""Fixtures for all tests: a real Azurite, one per test process."""

import platform
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from local.azurite import Azurite, start_azurite
from tests.faults.proxy import Proxies

# May be set in the container that runs the tests; the app takes it for Azure (failure 60).
pytest.MonkeyPatch().delenv("CONTAINER_NAME", raising=False)

# Deterministic examples, and no failures on a busy machine.
hypothesis_settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("steady")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no test by bytes: those of a gzip have its time, and each process must name it alike."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session", autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """A test fails if code of the app makes a blocking call on the event loop."""
    platform.processor()  # starts a program the first time; the Azure SDK calls it once per process
    with blockbuster_ctx(["activities", "shared", "triggers"]):
        yield


@pytest.fixture(scope="session", autouse=True)
async def closed_sessions() -> AsyncIterator[None]:
    """Closes at the end what a test did not close.

    A session that is collected open writes a warning at a random place, in a traceback whose making
    disturbs a test that parses Python at that moment.
    """
    sessions: list[ClientSession] = []
    create = ClientSession.__init__

    def record(self: ClientSession, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        sessions.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientSession, "__init__", record)
        yield
    for session in sessions:
        await session.close()


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    """Proxies that apply faults to requests; stopped at the end."""
    proxies = Proxies()
    yield proxies
    proxies.stop()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A real Azurite on free ports. Each test uses its own tables and containers."""
    folder: Path = tmp_path_factory.mktemp("azurite")
    running = start_azurite(folder / "data", folder / "azurite.log")
    yield running
    running.child.stop()
