"""One line of JSON for each thing that happened: its name and its facts, and nothing else."""

import json
import logging

_LOGGER = logging.getLogger("sidecar")


def say(event: str, **facts: object) -> None:
    """Log `event` with the named facts, so that nothing slips in that nobody named."""
    _LOGGER.info(json.dumps({"event": event, **facts}))


def complain(event: str, **facts: object) -> None:
    """As `say`, with the traceback of the exception that is being handled."""
    _LOGGER.exception(json.dumps({"event": event, **facts}))
