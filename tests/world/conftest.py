"""A scene for every test, over one store."""

import pytest

from local.azurite import Azurite
from tests.samples import settings
from tests.world.scene import Scene, Store


@pytest.fixture(scope="session")
def store(azurite: Azurite) -> Store:
    return Store.on(azurite, settings())


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)
