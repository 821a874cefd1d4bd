"""Spans around functions of the app, each in the trace of the search that it works for.

On Azure the host hands a trace to each invocation: Durable Functions that of the request which
started the orchestration. Where it hands over none or another one (an orchestration that reconcile
has restarted), the trace that the job's row names is used, so that a search has one trace.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import (
    Span,
    SpanContext,
    Status,
    StatusCode,
    get_current_span,
    get_tracer,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.util.job_scope import JOB_ID, current_job_id, job_scope
from shared.util.threads import current_invocation
from shared.util.version import VERSION

T = TypeVar("T")
_W3C = TraceContextTextMapPropagator()


@dataclass(frozen=True)
class TracedJob:
    """The job that an invocation works for, as far as its arguments tell."""

    job_id: str | None = None
    trace_parent: str | None = None
    """The `traceparent` of the job's attempt."""


def current_trace_parent() -> str:
    """The W3C `traceparent` of the current span, or that of a new trace where there is none."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    new = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    return carrier.get("traceparent", new)


def in_trace(trace_parent: str | None, context: Context | None = None) -> Context:
    """The context, the current one by default, if it is in that trace; else one that is."""
    context = get_current() if context is None else context
    named = _extracted(trace_parent)
    if named is None or _span_context(named).trace_id == _span_context(context).trace_id:
        return context
    return named


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Let the block run in a context of OpenTelemetry."""
    token = attach(context)
    try:
        yield
    finally:
        detach(token)


def traced(
    name: str,
    function: Callable[..., Awaitable[T]],
    job_of: Callable[[Mapping[str, Any]], TracedJob] = lambda bindings: TracedJob(),
) -> Callable[..., Awaitable[T]]:
    """Run a function of the app in a span of this name, and in the scope of its job.

    `job_of` gets the function's arguments by name. The span has no text of an exception, which
    could quote a request; the log has it, redacted.
    """

    @wraps(function)
    async def run(**bindings: Any) -> T:
        job = job_of(bindings)
        context = in_trace(job.trace_parent, _invocation_context())
        tracer = get_tracer("blast", VERSION)
        with (
            job_scope(job.job_id),
            tracer.start_as_current_span(
                name, context, record_exception=False, set_status_on_exception=False
            ) as span,
            _marked(span),
        ):
            return await function(**bindings)

    return run


@contextmanager
def _marked(span: Span) -> Iterator[None]:
    """Give the span its job, which may become known while it runs, and the type of an error."""
    try:
        yield
    except BaseException as error:  # of any kind, also a cancellation; it is raised again
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        if job_id := current_job_id():
            span.set_attribute(JOB_ID, job_id)


def _invocation_context() -> Context:
    """The trace that the host handed over with the invocation, or else the current one."""
    invocation = current_invocation()
    handed = getattr(invocation and invocation.trace_context, "trace_parent", None)
    return _extracted(handed) or get_current()


def _extracted(trace_parent: str | None) -> Context | None:
    context = _W3C.extract({"traceparent": trace_parent or ""}, Context())
    return context if _span_context(context).is_valid else None


def _span_context(context: Context) -> SpanContext:
    return get_current_span(context).get_span_context()
