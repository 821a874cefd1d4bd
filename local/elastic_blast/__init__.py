"""A local elastic-blast: the CLI's contract over the local cluster, Azurite and real BLAST+."""

from local.elastic_blast.environment import Environment, install

__all__ = ["Environment", "install"]
