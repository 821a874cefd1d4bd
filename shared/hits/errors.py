"""Errors of the result file readers."""

from shared.errors import Conflict


class Unreadable(Conflict):
    """The file can be downloaded, but its hits cannot be read. A retry fails in the same way.

    Codes: `format_not_readable`, `file_damaged`, and `decompression_limit` for an implausible
    compression ratio.
    """


class ReadLimitReached(Exception):
    """The limit of text per file was reached. The hits read before it are valid."""
