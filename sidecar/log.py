"""One line of JSON for each thing that happened: its name and its facts, and nothing else."""

import json
import logging
import traceback

_LOGGER = logging.getLogger("sidecar")


def log_event(event: str, **facts: object) -> None:
    """Log `event` with the named facts, so that nothing slips in that nobody named."""
    _LOGGER.info(json.dumps({"event": event, **facts}))


def log_error(event: str, **facts: object) -> None:
    """As `say`, for something that an operator has to see to."""
    _LOGGER.error(json.dumps({"event": event, "level": "error", **facts}))


def log_exception(event: str, **facts: object) -> None:
    """As `log_error`, with the traceback of the exception that is being handled."""
    log_error(event, **facts, traceback=traceback.format_exc())
