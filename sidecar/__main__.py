"""`python -m sidecar`: serve until SIGTERM or SIGINT, then end every command that it started."""

import argparse
import asyncio
import logging
import os
import sys

from sidecar.hardening import make_undumpable
from sidecar.service import CannotServe, serve
from sidecar.settings import SettingsError, read_settings


def main() -> int:
    make_undumpable()
    parser = argparse.ArgumentParser(prog="python -m sidecar", description=__doc__)
    parser.add_argument("--port", help="overrides EXEC_PORT; 0 takes a free one")
    chosen = parser.parse_args().port
    env = {**os.environ, **({} if chosen is None else {"EXEC_PORT": chosen})}
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
    # aiohttp logs headers that it cannot parse; these can hold the token. We log our own errors.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL + 1)
    try:
        asyncio.run(serve(read_settings(env), env))
    except (SettingsError, CannotServe, TimeoutError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
