"""Reads hits from result files of BLAST+: `hits` selects the reader for the format."""

from shared.hits.errors import ReadLimitReached, Unreadable
from shared.hits.formats import hits, refuse_unreadable
from shared.hits.hit import COLUMNS, Hit

__all__ = ["COLUMNS", "Hit", "ReadLimitReached", "Unreadable", "hits", "refuse_unreadable"]
