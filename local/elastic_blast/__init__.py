"""An elastic-blast for one machine: the real command, over a local cluster and local storage."""

from local.elastic_blast.world import World, install

__all__ = ["World", "install"]
