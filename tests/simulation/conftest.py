"""A scene for every test, over one store."""

import pytest

from local.azurite import Azurite
from tests.simulation.scene import Scene, Store
from tests.support.samples import search, settings


@pytest.fixture(scope="session")
async def store(azurite: Azurite) -> Store:
    return await Store.on(azurite, settings())


@pytest.fixture(scope="session")
async def slow_store(azurite: Azurite) -> Store:
    """A store for searches that are looked at seldom and have three hours."""
    store = await Store.on(azurite, settings(poll_schedule="1m/10m 5m", job_timeout="3h"))
    await store.blobs.put(search().query_url, b">q\nACGT\n")
    return store


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)
