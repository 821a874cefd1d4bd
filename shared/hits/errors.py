"""Why a result file gives no hits, or not all of them."""

from shared.errors import Conflict


class Unreadable(Conflict):
    """The file can be downloaded, but not read here. Reading it again changes nothing.

    Codes: `format_not_readable`, `file_damaged`, and `decompression_limit` for what unpacks beyond
    reason.
    """


class ReadLimitReached(Exception):
    """As much text of a file was read as an answer may take; the hits so far are good."""
