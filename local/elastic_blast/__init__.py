"""An elastic-blast for one machine: the real command, over a local cluster and local storage."""

from local.elastic_blast.world import Environment, install

__all__ = ["Environment", "install"]
