"""An app whose functions tell in which process they run."""

# mypy: disable-error-code="untyped-decorator"

import os
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="process")
async def process(req: func.HttpRequest) -> str:
    return str(os.getpid())


@app.route(route="blocking/{name}")
def blocking(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body() + req.route_params["name"].encode(), status_code=201)


@app.route(route="broken")
async def broken(req: func.HttpRequest) -> str:
    raise LookupError("no such thing")


@app.route(route="dies")
async def dies(req: func.HttpRequest) -> str:
    os._exit(7)


@app.route(route="sends")
@app.queue_output(arg_name="message", queue_name="news", connection="Storage")
async def sends(req: func.HttpRequest, message: func.Out[str]) -> str:
    message.set("hello")
    return "sent"


@app.activity_trigger(input_name="number")
async def where(number: int) -> int:
    return os.getpid()


@app.orchestration_trigger(context_name="context")
def everywhere(context: Any) -> Generator[Any, Any, Any]:
    return (yield context.task_all([context.call_activity("where", n) for n in range(4)]))
