"""Spans: each in the trace of its search, with its job, and without the text of an error."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from azure.functions import HttpRequest, HttpResponse
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, get_tracer

from shared.errors import Malformed
from shared.telemetry import tracing
from shared.telemetry.job_spans import JobIdProcessor
from shared.telemetry.tracing import TracedJob, current_trace_parent, in_trace, traced
from shared.util.job_scope import enter_job
from shared.util.threads import with_invocation
from tests.support.reports import Reports
from triggers.http.observed import observed
from triggers.http.responses import handle_errors

JOB_ID = f"job-{1:032x}"
ONE, TWO = (f"00-{letter * 32}-{'b' * 16}-01" for letter in "12")


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The ended spans. The provider of the process can be set only once, so it is not."""
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(JobIdProcessor())
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing, "get_tracer", provider.get_tracer)
    yield kept


@dataclass
class TraceContext:
    trace_parent: str


@dataclass
class Invocation:
    """The context of an invocation, as a worker passes it."""

    trace_context: TraceContext
    invocation_id: str = "one"
    thread_local_storage: Any = None


def trace_id(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


@pytest.mark.parametrize(
    ("handed", "named", "expected"),
    [
        (ONE, None, "1" * 32),
        (ONE, ONE, "1" * 32),
        (ONE, TWO, "2" * 32),
        ("", TWO, "2" * 32),
        ("no traceparent", TWO, "2" * 32),
        (ONE, "no traceparent", "1" * 32),
    ],
    ids=["handed", "both", "another", "named", "invalid-handed", "invalid-named"],
)
async def test_a_span_belongs_to_the_trace_of_its_job(
    spans: InMemorySpanExporter, handed: str, named: str | None, expected: str
) -> None:
    inner: list[str] = []

    async def work() -> None:
        inner.append(current_trace_parent())

    run = with_invocation(traced("submit", work, lambda bindings: TracedJob(JOB_ID, named)))
    await run(Invocation(TraceContext(handed)))
    (span,) = spans.get_finished_spans()
    assert trace_id(span) == expected == inner[0].split("-")[1]
    assert (span.name, dict(span.attributes or {})) == ("submit", {"job_id": JOB_ID})


async def test_a_job_that_becomes_known_is_an_attribute_of_its_span_only(
    spans: InMemorySpanExporter,
) -> None:
    async def work(job_id: str | None) -> None:
        if job_id:
            enter_job(job_id)

    run = traced("submit_job", work)
    await asyncio.gather(run(job_id="job-1"), run(job_id=None))
    found = [dict(span.attributes or {}) for span in spans.get_finished_spans()]
    assert found == [{"job_id": "job-1"}, {}]


async def test_an_error_leaves_its_type_and_no_text(spans: InMemorySpanExporter) -> None:
    async def work() -> None:
        raise ValueError("alice@example.org")

    with pytest.raises(ValueError, match="alice"):
        await traced("submit", work)()
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert not span.events


def test_without_a_span_a_new_trace_begins() -> None:
    assert current_trace_parent() != current_trace_parent()
    assert in_trace(None) == in_trace("nonsense")
    assert not get_tracer("x").start_span("x").is_recording()


def request(**route: str) -> HttpRequest:
    return HttpRequest("GET", "/api/blast/jobs?q=ACGT", route_params=route, body=b"")


@pytest.mark.parametrize(
    ("answer", "refusals", "status"),
    [
        (200, {}, StatusCode.UNSET),
        (400, {"malformed": 1}, StatusCode.UNSET),
        (500, {}, StatusCode.ERROR),
    ],
    ids=["ok", "refused", "crashed"],
)
async def test_a_request_has_a_span_and_a_refusal_is_counted(
    spans: InMemorySpanExporter, answer: int, refusals: Mapping[str, int], status: StatusCode
) -> None:
    @handle_errors
    async def handler(req: HttpRequest) -> HttpResponse:
        if answer == 400:
            raise Malformed("malformed", "no")
        if answer == 500:
            raise RuntimeError
        return HttpResponse("ok")

    reports = Reports()
    response = await observed("read_job", handler, reports.telemetry())(req=request(id=JOB_ID))
    assert response.status_code == answer
    codes = {dict(key)["code"]: value for key, value in reports.values("blast.refusals").items()}
    assert codes == refusals
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is status
    assert dict(span.attributes or {}) == {
        "job_id": JOB_ID,
        "http.response.status_code": answer,
    }


@pytest.mark.parametrize("id_", ["ACGTACGTACGTACGTACGT", "job-1", f"{JOB_ID}x"])
async def test_only_a_job_id_of_ours_is_reported(spans: InMemorySpanExporter, id_: str) -> None:
    async def handler(req: HttpRequest) -> HttpResponse:
        return HttpResponse("ok")

    await observed("read_job", handler, Reports().telemetry())(req=request(id=id_))
    (span,) = spans.get_finished_spans()
    assert "job_id" not in (span.attributes or {})
