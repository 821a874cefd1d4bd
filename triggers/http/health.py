"""Whether the app is alive, and whether what it stands on is there."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.contracts.exec import HttpRejection
from shared.contracts.storage_urls import QUERIES
from shared.errors import Unavailable
from shared.settings import settings
from shared.util.single_flight import SingleFlightCache
from triggers.http.parallel_checks import CheckResult, run_checks
from triggers.http.responses import RETRY_AFTER, handle_errors, handle_errors_async, json_response

log = logging.getLogger("blast")

CHECK_TIMEOUT = 5.0
"""Seconds for all of them together, as they are asked side by side."""
CACHE_TTL = timedelta(seconds=2)
"""However often it is asked, the others are asked no oftener."""
NEEDED = ("tables", "blob", "queue")
"""Without these no search is accepted; without the others it waits."""
NOBODY = "job-" + "0" * 32


@handle_errors_async
async def alive(req: HttpRequest) -> HttpResponse:
    """GET /api/health

    It is async and waits for nothing: threads, stores and settings may be gone or busy.
    """
    return json_response({"status": "ok"})


@handle_errors
def ready(req: HttpRequest) -> HttpResponse:
    """GET /api/health/ready"""
    return to_response(_shared().get_fresh(CACHE_TTL).value)


def to_response(found: Mapping[str, Any]) -> HttpResponse:
    """503 where what is needed is away, as those who balance load read it."""
    away = found["status"] == "unavailable"
    return json_response(
        found, 503 if away else 200, {"Retry-After": str(RETRY_AFTER)} if away else {}
    )


def check_dependencies() -> dict[str, Any]:
    """How each of the others is. What they say stays here: it may name things inside."""
    settings()  # faults in them are told as such
    asked: dict[str, Callable[[], object]] = {
        "tables": lambda: dependencies.jobs().find(NOBODY),
        "blob": lambda: dependencies.blobs().missing_containers(QUERIES),
        "queue": lambda: dependencies.completions_queue().ensure(),
        "sidecar": is_sidecar_healthy,
        "cluster": lambda: dependencies.cluster(settings().cluster_name).jobs_of(NOBODY),
    }
    return summarize(run_checks(asked, CHECK_TIMEOUT))


def summarize(heard: Mapping[str, CheckResult[object]]) -> dict[str, Any]:
    """What their answers come to."""
    shown = {
        name: {"status": "unavailable" if one.trouble else "ok", "milliseconds": one.milliseconds}
        for name, one in heard.items()
    }
    down = {name for name, one in heard.items() if one.trouble}
    status = "unavailable" if down & {*NEEDED} else "degraded" if down else "ok"
    return {"status": status, "checks": shown}


def is_sidecar_healthy() -> None:
    """Raises Unavailable where the sidecar cannot be used, or refuses the token."""
    trouble = dependencies.sidecar().check_token()
    if trouble is None:
        return
    if isinstance(trouble, HttpRejection) and trouble.status in (401, 403):
        log.error("configuration_refused code=sidecar_%s", trouble.status)
        raise Unavailable("sidecar_refused", f"the sidecar refuses the token: {trouble.message}")
    raise Unavailable("sidecar_unavailable", trouble.message)


@cache
def _shared() -> SingleFlightCache[dict[str, Any]]:
    return SingleFlightCache(check_dependencies, time.monotonic)
