"""The log of the host and of its workers."""

import logging
import sys


def log_to_stdout(level: int = logging.INFO) -> None:
    """Log to stdout; `level` is the host's own. Other libraries log warnings and errors only."""
    form = "%(asctime)s.%(msecs)03d %(message)s"
    logging.basicConfig(stream=sys.stdout, format=form, datefmt="%H:%M:%S", level=logging.INFO)
    logging.getLogger("host").setLevel(level)
    for chatty in ("azure", "aiohttp", "asyncio", "urllib3", "kubernetes"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
