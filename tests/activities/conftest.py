"""Each test has a scene of its own."""

from tests.world.conftest import scene, store

__all__ = ["scene", "store"]
