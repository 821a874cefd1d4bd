"""Errors of the readers of result files, and of the questions about their hits."""

from shared.errors import Conflict


class Unreadable(Conflict):
    """The file can be downloaded, but its hits cannot be read. A retry fails in the same way.

    Codes: `format_not_readable`, `file_damaged`, and `decompression_limit` for an implausible
    compression ratio.
    """


def damaged(reason: str) -> Unreadable:
    """The error of a file that breaks the rules of its format."""
    return Unreadable("file_damaged", reason)
