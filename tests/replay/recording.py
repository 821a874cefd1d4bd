"""`python -m tests.replay.recording`: the functions host, which records histories of jobs.

The engine drops a generation that continued as new, so that each history is written on its way in.
"""

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.functions import OrchestrationContext

from local.functions_host.clock import SystemClock
from local.functions_host.durable.history import SCHEDULING, Event, Type, event
from local.functions_host.durable.orchestrator_result import (
    ActionType,
    OrchestratorResult,
    parse_result,
)
from local.functions_host.functions import Function, load
from local.functions_host.host import serving
from local.functions_host.settings import read_host_options
from tests.replay.histories import RENEWED


def generations(record: Path, job_id: str) -> list[list[Event]]:
    """The histories of a job's generations so far, in order, without what one machine adds."""
    last: dict[str, dict[str, Any]] = {}
    for line in record.read_text().splitlines() if record.exists() else ():
        kept = json.loads(line)
        if kept["job_id"] == job_id:
            last[kept["history"][1]["OrchestrationInstance"]["ExecutionId"]] = kept
    return [[_cleaned(found) for found in kept["history"]] for kept in last.values()]


def _cleaned(found: Event) -> Event:
    """Without inputs of tasks, which are not compared, and without the paths of a stack trace."""
    dull = {"IsPlayed"} | ({"Input", "Version"} if found["EventType"] in SCHEDULING else set())
    cleaned = {key: value for key, value in found.items() if key not in dull}
    return cleaned | ({"Details": None} if "Details" in cleaned else {})


def _kept(function: Function, record: Path) -> Function:
    """The function; its last answer in each generation is written to `record`."""
    if function.kind != "orchestrationTrigger":
        return function

    def call(**given: OrchestrationContext) -> str:
        text: str = function.call(**given)
        asked = json.loads(given[function.argument].body)
        if end := _end(parse_result(text), SystemClock().now()):
            kept = {"job_id": asked["instanceId"], "history": [*asked["history"], end]}
            with record.open("a") as lines:
                lines.write(json.dumps(kept) + "\n")
        return text

    return replace(function, call=call)


def _end(answer: OrchestratorResult, now: datetime) -> Event | None:
    """The event of a generation's end, in the form that the extension gives it."""
    status, result = "Completed" if answer.is_done else None, answer.output
    for action in answer.actions:
        if action["actionType"] == ActionType.CONTINUE_AS_NEW:
            status, result = RENEWED, action["input"]
    if status is None:
        return None
    return event(Type.EXECUTION_COMPLETED, now, OrchestrationStatus=status, Result=result)


async def serve(app: Path, state: Path, record: Path) -> None:
    """Serve the app until SIGTERM."""
    functions = [_kept(one, record) for one in load(app)]
    enough = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)
    async with serving(functions, read_host_options(app), state, SystemClock()) as running:
        sys.stdout.write(f"ready {running.url}\n")
        sys.stdout.flush()
        await enough.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.replay.recording", description=__doc__)
    for name in ("app", "state", "record"):
        parser.add_argument(name, type=Path)
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.app, chosen.state, chosen.record))
