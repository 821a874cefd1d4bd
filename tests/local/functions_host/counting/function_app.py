"""An app for tests that end the host: it reports each call to the test, which can hold it."""

import os
import urllib.request
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def report(what: str) -> str:
    """Report to the test, and return once the test answers."""
    url = f"{os.environ['COUNTING_URL']}/{what}"  # noqa: TID251  an app of its own
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def work(step: str) -> int:
    report(f"work/{step}")
    return int(step.rpartition("-")[2])


def chain(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Four activities in sequence, then four in parallel, then a short timer."""
    total = 0
    for number in range(4):
        total += yield context.call_activity("work", f"{context.instance_id}-{number}")
    steps = [context.call_activity("work", f"{context.instance_id}-{n}") for n in range(4, 8)]
    total += sum((yield context.task_all(steps)))
    yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=50))
    return total


def waits(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.wait_for_external_event("news"))


def sleeps(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.create_timer(context.current_utc_datetime + timedelta(seconds=1))
    return "awake"


def hang(req: func.HttpRequest) -> str:
    return report("hang")


app.function_name("work")(app.activity_trigger(input_name="step")(work))
app.function_name("chain")(app.orchestration_trigger(context_name="context")(chain))
app.function_name("waits")(app.orchestration_trigger(context_name="context")(waits))
app.function_name("sleeps")(app.orchestration_trigger(context_name="context")(sleeps))
app.function_name("hang")(app.route(route="hang")(hang))
report("imported")
