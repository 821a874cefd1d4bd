"""An app that logs in every kind of thread that the control plane uses."""

import asyncio
import logging
import threading

import azure.functions as func

from shared.util.threads import Threads, in_thread, with_invocation

log = logging.getLogger("blast")
POOL, DEEPER = Threads(2, "pool"), Threads(2, "deeper")
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def write(mark: str, deeper: bool = True) -> None:
    """Log in this thread and in a thread that it starts."""
    log.info("%s", mark)
    if deeper:
        DEEPER.submit(write, f"{mark} deeper", False).result()


def sync(req: func.HttpRequest) -> func.HttpResponse:
    """Log in the worker's thread and in others."""
    mark = req.params["mark"]
    write(f"{mark} sync")
    with Threads(2) as some:
        list(some.map(write, [f"{mark} map"] * 2))
    return func.HttpResponse(threading.current_thread().name)


async def asynchronous(req: func.HttpRequest) -> func.HttpResponse:
    """Log on the loop and in threads concurrently."""
    mark = req.params["mark"]
    log.info("%s loop", mark)
    await asyncio.gather(
        in_thread(write, f"{mark} thread"),
        asyncio.get_running_loop().run_in_executor(POOL, write, f"{mark} executor"),
    )
    return func.HttpResponse("done")


for name, handler in (("sync", sync), ("asynchronous", asynchronous)):
    app.function_name(name)(app.route(route=name, methods=["GET"])(with_invocation(handler)))
