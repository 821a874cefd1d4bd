"""Writes one JSON line per event: the event's name and its fields."""

import json
import logging
import traceback

_LOGGER = logging.getLogger("sidecar")


def log_event(event: str, **facts: object) -> None:
    """Log `event`. Fields are named one by one, so that no value is logged by accident."""
    _LOGGER.info(json.dumps({"event": event, **facts}))


def log_error(event: str, **facts: object) -> None:
    """Log an event that an operator must act on."""
    _LOGGER.error(json.dumps({"event": event, "level": "error", **facts}))


def log_exception(event: str, **facts: object) -> None:
    """Log an error with the traceback of the exception that is being handled."""
    log_error(event, **facts, traceback=traceback.format_exc())
