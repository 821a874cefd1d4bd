"""Whether the app is alive, and whether what it stands on is there."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.contracts.exec import Refused
from shared.contracts.storage_urls import QUERIES
from shared.errors import Unavailable
from shared.settings import settings
from shared.util.single_flight import Shared
from triggers.http.parallel_checks import Heard, ask_all
from triggers.http.responses import RETRY_AFTER, answer, answered, answered_async

log = logging.getLogger("blast")

PATIENCE = 5.0
"""Seconds for all of them together, as they are asked side by side."""
FRESH = timedelta(seconds=2)
"""However often it is asked, the others are asked no oftener."""
NEEDED = ("tables", "blob", "queue")
"""Without these no search is accepted; without the others it waits."""
NOBODY = "job-" + "0" * 32


@answered_async
async def alive(req: HttpRequest) -> HttpResponse:
    """GET /api/health

    It is async and waits for nothing: threads, stores and settings may be gone or busy.
    """
    return answer({"status": "ok"})


@answered
def ready(req: HttpRequest) -> HttpResponse:
    """GET /api/health/ready"""
    return told(_shared().within(FRESH).value)


def told(found: Mapping[str, Any]) -> HttpResponse:
    """503 where what is needed is away, as those who balance load read it."""
    away = found["status"] == "unavailable"
    return answer(found, 503 if away else 200, {"Retry-After": str(RETRY_AFTER)} if away else {})


def look_around() -> dict[str, Any]:
    """How each of the others is. What they say stays here: it may name things inside."""
    settings()  # faults in them are told as such
    asked: dict[str, Callable[[], object]] = {
        "tables": lambda: dependencies.jobs().find(NOBODY),
        "blob": lambda: dependencies.blobs().missing(QUERIES),
        "queue": lambda: dependencies.completions().ensure(),
        "sidecar": sidecar_is_well,
        "cluster": lambda: dependencies.cluster(settings().cluster_name).jobs_of(NOBODY),
    }
    return judged(ask_all(asked, PATIENCE))


def judged(heard: Mapping[str, Heard[object]]) -> dict[str, Any]:
    """What their answers come to."""
    shown = {
        name: {"status": "unavailable" if one.trouble else "ok", "milliseconds": one.milliseconds}
        for name, one in heard.items()
    }
    down = {name for name, one in heard.items() if one.trouble}
    status = "unavailable" if down & {*NEEDED} else "degraded" if down else "ok"
    return {"status": status, "checks": shown}


def sidecar_is_well() -> None:
    """Raises Unavailable where the sidecar cannot be used, or refuses the token."""
    trouble = dependencies.sidecar().check_token()
    if trouble is None:
        return
    if isinstance(trouble, Refused) and trouble.status in (401, 403):
        log.error("configuration_refused code=sidecar_%s", trouble.status)
        raise Unavailable("sidecar_refused", f"the sidecar refuses the token: {trouble.message}")
    raise Unavailable("sidecar_unavailable", trouble.message)


@cache
def _shared() -> Shared[dict[str, Any]]:
    return Shared(look_around, time.monotonic)
