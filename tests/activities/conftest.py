"""Each test has a scene of its own."""

from tests.simulation.conftest import scene, store

__all__ = ["scene", "store"]
