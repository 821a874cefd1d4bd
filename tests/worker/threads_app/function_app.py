"""An app that logs on the event loop and in threads, as the control plane does."""

import asyncio
import logging

import azure.functions as func

from shared.util.threads import in_thread, with_invocation

log = logging.getLogger("blast")
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def write(text: str) -> None:
    log.info("%s", text)


async def log_everywhere(req: func.HttpRequest) -> func.HttpResponse:
    """Log on the loop, in a task, and in threads concurrently."""
    mark = req.params["mark"]
    write(f"{mark} loop")
    await asyncio.gather(
        *(in_thread(write, f"{mark} {name} thread") for name in ("first", "second")),
        _in_task(f"{mark} task"),
    )
    write(f"{mark} after")
    return func.HttpResponse("done")


async def _in_task(text: str) -> None:
    write(text)
    await in_thread(write, f"{text} thread")


name = log_everywhere.__name__
app.function_name(name)(app.route(route=name, methods=["GET"])(with_invocation(log_everywhere)))
