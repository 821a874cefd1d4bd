"""Log levels of the libraries."""

import logging

QUIET = ("azure", "kubernetes", "msal", "urllib3")
"""Loggers limited to WARNING: the Azure SDK writes two INFO lines per request."""


def quiet_libraries() -> None:
    """Drop the libraries' INFO lines; keep their warnings and errors."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
