"""HTTP handlers for liveness and readiness."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache

from azure.functions import HttpRequest, HttpResponse

from shared import dependencies
from shared.contracts.exec import HttpRejection
from shared.contracts.storage_urls import QUERIES
from shared.errors import Unavailable
from shared.settings import settings
from shared.util.single_flight import SingleFlightCache
from triggers.http.parallel_checks import CheckResult, run_checks
from triggers.http.responses import RETRY_AFTER, handle_errors, handle_errors_async, json_response
from triggers.schemas.app import Alive, DependencyName, DependencyStatus, Ready

log = logging.getLogger("blast")

CHECK_TIMEOUT = 5.0
"""Seconds for all checks together; they run in parallel."""
CACHE_TTL = timedelta(seconds=2)
"""Results are cached, so that frequent readiness probes do not load the dependencies."""
REQUIRED = frozenset[DependencyName]({"tables", "blob", "queue"})
"""Without these no search is accepted; without the others accepted searches wait."""
PROBE_JOB_ID = "job-" + "0" * 32
"""The id of no job; checks query it, because the answer is small."""


@handle_errors_async
async def alive(req: HttpRequest) -> HttpResponse:
    """GET /api/health

    Async and without any call, so that it answers while threads are busy, storage is down or
    settings are invalid.
    """
    return json_response(Alive(status="ok"))


@handle_errors
def ready(req: HttpRequest) -> HttpResponse:
    """GET /api/health/ready"""
    return to_response(_readiness_cache().get_fresh(CACHE_TTL).value)


def to_response(readiness: Ready) -> HttpResponse:
    """Return 503 if a required dependency fails, which load balancers act on, else 200."""
    is_unavailable = readiness.status == "unavailable"
    headers = {"Retry-After": str(RETRY_AFTER)} if is_unavailable else {}
    return json_response(readiness, 503 if is_unavailable else 200, headers)


def check_dependencies() -> Ready:
    """Check all dependencies in parallel. Error texts are only logged: they can name internals."""
    settings()  # invalid settings raise SettingsInvalid instead of failing every check
    checks: dict[DependencyName, Callable[[], object]] = {
        "tables": lambda: dependencies.jobs().find(PROBE_JOB_ID),
        "blob": lambda: dependencies.blobs().missing_containers(QUERIES),
        "queue": lambda: dependencies.completions_queue().ensure(),
        "sidecar": check_sidecar,
        "cluster": lambda: dependencies.cluster(settings().cluster_name).jobs_of(PROBE_JOB_ID),
    }
    return summarize(run_checks(checks, CHECK_TIMEOUT))


def summarize(results: Mapping[DependencyName, CheckResult[object]]) -> Ready:
    """Summarize the results of all checks."""
    checks = {
        name: DependencyStatus(
            status="unavailable" if result.error else "ok", milliseconds=result.milliseconds
        )
        for name, result in results.items()
    }
    failed = {name for name, result in results.items() if result.error}
    return Ready(
        status="unavailable" if failed & REQUIRED else "degraded" if failed else "ok",
        checks=checks,
    )


def check_sidecar() -> None:
    """Raise Unavailable if the sidecar does not answer or refuses the token."""
    failure = dependencies.sidecar().check_token()
    if failure is None:
        return
    if isinstance(failure, HttpRejection) and failure.status in (401, 403):
        log.error("configuration_refused code=sidecar_%s", failure.status)
        raise Unavailable("sidecar_refused", f"the sidecar refuses the token: {failure.message}")
    raise Unavailable("sidecar_unavailable", failure.message)


@cache
def _readiness_cache() -> SingleFlightCache[Ready]:
    return SingleFlightCache(check_dependencies, time.monotonic)
