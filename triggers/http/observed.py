"""What operators see of a request: a span, and the code of a refusal."""

import re
from collections.abc import Mapping
from functools import wraps
from typing import Any

from azure.functions import HttpResponse
from opentelemetry.trace import Status, StatusCode, get_current_span

from shared.telemetry.names import REFUSALS
from shared.telemetry.telemetry import Telemetry
from shared.telemetry.tracing import TracedJob, traced
from triggers.http.responses import ERROR_CODE, Handler

_JOB_ID = re.compile(r"job-[0-9a-f]{32}")
"""Only such an id is reported: any other text in a route can be anything, also a sequence."""


def observed(name: str, handler: Handler, telemetry: Telemetry) -> Handler:
    """The handler of an operation in a span of its name; its refusals are counted by code."""
    return traced(name, _counted(handler, telemetry), _job)


def _job(bindings: Mapping[str, Any]) -> TracedJob:
    job_id = bindings["req"].route_params.get("id", "")
    return TracedJob(job_id if _JOB_ID.fullmatch(job_id) else None)


def _counted(handler: Handler, telemetry: Telemetry) -> Handler:
    @wraps(handler)
    async def run(**bindings: Any) -> HttpResponse:
        response = await handler(**bindings)
        status, code = response.status_code, response.headers.get(ERROR_CODE)
        span = get_current_span()
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR, code))
        elif code:
            telemetry.measure(REFUSALS, 1, code=code)
        return response

    return run
