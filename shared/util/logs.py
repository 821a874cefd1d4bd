"""Which libraries' log lines are worth keeping."""

import logging

QUIET = ("azure", "kubernetes", "msal", "urllib3")
"""The worker keeps every line from INFO on, and the Azure SDK writes two for each request."""


def quiet_libraries() -> None:
    """Keep warnings and errors of the libraries, not a line for each of their requests."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
