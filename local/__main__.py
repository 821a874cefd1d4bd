"""`python -m local run|demo`: start the whole product on this machine and run a demo search."""

import argparse
import json
import os
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
from local.core_tools import find_func
from local.demo.client import Api, RequestRejected
from local.demo.console import print_line, print_part_ready
from local.demo.polling import PollTimeout
from local.demo.queries import DEMO_DATABASE
from local.demo.search import DemoFailed, show_demo
from local.processes import StartError
from local.stack import Stack, chosen_settings

JOB_ID = """python3 -c 'import json, sys; print(json.load(sys.stdin)["job_id"])'"""
"""The command that prints the id in the response to a submission."""
BLASTCTL, BLASTCTL_DEFAULT = ".state/venv/bin/blastctl", "http://127.0.0.1:7071"
"""The command line of clients/python, which `make` installs, and the server that it uses."""
DEMO_HITS = STATE / "demo-hits.tsv"
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(Exception):
    """SIGINT, SIGTERM or SIGHUP arrived."""


class CannotRun(Exception):
    """The run cannot start; the text gives the reason and the remedy."""


def run(folder: Path, port: int, workers: int, core_tools: bool) -> None:
    """Start everything, run the demo search, and keep serving until a signal."""
    if port and _is_taken(port):
        raise CannotRun(f"Port {port} is in use. Name another one: make run PORT={port + 1}")
    settings = chosen_settings(os.environ)
    with _stack(Stack(folder, port, settings, workers=workers, core_tools=core_tools)) as stack:
        show_demo(Api(stack.url), stack.environment)
        _print_examples(stack)
        threading.Event().wait()


def demo(core_tools: bool) -> None:
    """Start everything in a temporary folder, run the demo search, keep its hits, and stop."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="demo-", dir=STATE) as folder,
        _stack(Stack(Path(folder), core_tools=core_tools)) as stack,
    ):
        show_demo(Api(stack.url), stack.environment, DEMO_HITS)
    print_line("Demo passed. To look around, in the browser and with curl: make run")


@contextmanager
def _stack(stack: Stack) -> Iterator[Stack]:
    print_line("Starting")
    stack.on_ready = print_part_ready
    try:
        stack.start()
        yield stack
    finally:
        # Ignore a second Ctrl-C, which would leave some processes running.
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        print_line("\nStopping")
        stack.stop()


def _print_examples(stack: Stack) -> None:
    jobs = f"{stack.url}/api/blast/jobs"
    config = stack.folder / "kubeconfig"
    print_line(f"\nUser interface: {stack.url}/api/ui")
    print_line(f"API: {stack.url}/api; logs: {stack.folder / 'logs'}. Stop with Ctrl-C.")
    print_line("Try:\n")
    print_line(f"  curl -s '{jobs}?limit=5' | python3 -m json.tool")
    body = {
        "program": "blastn",
        "db": DEMO_DATABASE,
        "query_data": ">q\nCGTAACAAGGTTTCCGTAGGTGAACC",
    }
    print_line(f"  JOB=$(curl -s {jobs} \\\n    -d '{json.dumps(body)}' \\\n    | {JOB_ID})")
    print_line(f"  curl -s {jobs}/$JOB | python3 -m json.tool")
    print_line(f"  curl -s -X POST {jobs}/$JOB/cancel | python3 -m json.tool")
    url = "" if stack.url == BLASTCTL_DEFAULT else f" --url {stack.url}"
    print_line(f"\n  {BLASTCTL}{url} databases")
    print_line(f"  {BLASTCTL}{url} submit blastn {DEMO_DATABASE} local/demo/query.fa --wait")
    print_line(f"  {BLASTCTL}{url} list")
    print_line(f"\n  kubectl --kubeconfig {config} get jobs,pods")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _request_stop(number: int, frame: FrameType | None) -> None:
    raise StopRequested


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("what", choices=("run", "demo"))
    parser.add_argument("--port", type=int, default=7071, help="the API's port, for `run`")
    parser.add_argument("--folder", type=Path, default=STATE / "run", help="the data of `run`")
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that run the functions, for `run`"
    )
    parser.add_argument(
        "--host",
        choices=("local", "func"),
        default="local",
        help="what runs the functions: the local host, or Azure Functions Core Tools",
    )
    options = parser.parse_args()
    core_tools = options.host == "func"
    if core_tools and options.workers > 1:
        parser.error("--workers is for the local host")
    for number in STOPPING:
        signal.signal(number, _request_stop)
    try:
        if core_tools:
            find_func()  # before anything starts
        if options.what == "demo":
            demo(core_tools)
        else:
            run(options.folder, options.port, options.workers, core_tools)
    except StopRequested:
        if options.what == "run":
            return 0
        sys.stderr.write("Demo failed: it was stopped\n")
        return 1
    except (CannotRun, StartError, DemoFailed, RequestRejected, PollTimeout) as error:
        sys.stderr.write(f"Demo failed: {error}\n" if options.what == "demo" else f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
