"""`python -m local run|demo`: the whole product on this machine, with a real search to show."""

import argparse
import json
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from local.azurite import STATE
from local.demo.client import Api, RequestRejected
from local.demo.following import TooSlow
from local.demo.queries import DEMO_DATABASE
from local.demo.screen import part_is_ready, say
from local.demo.search import DemoFailed, show_demo
from local.processes import DidNotStart
from local.stack import Stack

QUERY = ">mine\nCGTAACAAGGTTTCCGTAGGTGAACCTGCGGAAGGATCATTG"
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Enough(Exception):
    """Somebody said that it shall stop."""


class CannotRun(Exception):
    """The text says in a sentence or two why not, and what to do about it."""


def run(folder: Path, port: int) -> None:
    """Start everything, show the demo's search, and stay up until told to stop."""
    if port and _is_taken(port):
        raise CannotRun(f"Port {port} is in use. Name another one: make run PORT={port + 1}")
    with _stack(Stack(folder, port)) as stack:
        show_demo(Api(stack.url), stack.world)
        _say_what_to_try(stack)
        threading.Event().wait()


def demo() -> None:
    """The same from nothing, and without staying."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="demo-", dir=STATE) as folder,
        _stack(Stack(Path(folder))) as stack,
    ):
        show_demo(Api(stack.url), stack.world)


@contextmanager
def _stack(stack: Stack) -> Iterator[Stack]:
    say("Starting")
    stack.on_ready = part_is_ready
    try:
        stack.start()
        yield stack
    finally:
        # A second Ctrl-C must not leave half of it running.
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        say("\nStopping")
        stack.stop()


def _say_what_to_try(stack: Stack) -> None:
    jobs = f"{stack.url}/api/blast/jobs"
    config = stack.folder / "kubeconfig"
    say(f"\nLook at it with a browser: {stack.url}/api/ui")
    say(f"Up, until Ctrl-C. The API is at {stack.url}/api; logs are in {stack.folder / 'logs'}.")
    say("Try:\n")
    say(f"  curl -s '{jobs}?limit=5'")
    body = {
        "program": "blastn",
        "db": DEMO_DATABASE,
        "query_data": ">q\nCGTAACAAGGTTTCCGTAGGTGAACC",
    }
    say(f"  curl -s {jobs} -d '{json.dumps(body)}'")
    say(f"  curl -s -X POST {jobs}/JOB_ID/cancel")
    say(f"\n  kubectl --kubeconfig {config} get jobs,pods")


def _is_taken(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(1)
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _enough(number: int, frame: FrameType | None) -> None:
    raise Enough


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("what", choices=("run", "demo"))
    parser.add_argument("--port", type=int, default=7071, help="of the API that `run` serves")
    parser.add_argument("--folder", type=Path, default=STATE / "run", help="where `run` keeps all")
    chosen = parser.parse_args()
    for number in STOPPING:
        signal.signal(number, _enough)
    try:
        demo() if chosen.what == "demo" else run(chosen.folder, chosen.port)
    except Enough:
        return 0 if chosen.what == "run" else 1
    except (CannotRun, DidNotStart, DemoFailed, RequestRejected, TooSlow) as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
