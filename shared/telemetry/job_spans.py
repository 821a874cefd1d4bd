"""A processor of OpenTelemetry's SDK, which is imported only where it is configured."""

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from shared.util.job_scope import JOB_ID, current_job_id


class JobIdProcessor(SpanProcessor):
    """Adds the attribute `job_id` to each span that begins while a job is worked on."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if job_id := current_job_id():
            span.set_attribute(JOB_ID, job_id)
