"""CMD=Put: accepts a search, through the same code as POST /api/blast/jobs."""

from collections.abc import Mapping
from dataclasses import replace

from azure.functions import HttpResponse

from shared.contracts.job import Caller
from shared.errors import Invalid
from shared.settings import Settings
from shared.url_api import pages
from shared.url_api.put import read_put
from shared.url_api.rid import rid_of
from shared.util.job_scope import enter_job
from shared.util.threads import in_thread
from triggers.durable_client import DurableClient, ensure_started
from triggers.http.etag import POLL_INTERVAL, retry_after
from triggers.http.services import HttpServices
from triggers.submission.parse import Submission, bounded, parse_with_faults
from triggers.url_api.views import html

SOURCE = "url_api"


async def put(
    services: HttpServices, client: DurableClient, caller: Caller, parameters: Mapping[str, str]
) -> HttpResponse:
    """Accept the search. Raises as the submission of a JSON body does."""
    settings = services.clients.settings
    # In a thread, as checking a large query takes long.
    submission = await in_thread(read_submission, parameters, settings)
    async with services.turn(submission.is_batch):
        try:
            accepted = await services.repeatable_submissions.accept(
                submission, caller, SOURCE, settings.max_active_jobs
            )
        except Invalid as error:
            request = read_put(parameters)
            raise Invalid([request.named(fault) for fault in error.faults]) from error
        enter_job(accepted.job.job_id)
        await ensure_started(client, accepted.job, settings.crash_retry)
    seconds = (retry_after(accepted.job) or POLL_INTERVAL).total_seconds()
    return html(pages.accepted(rid_of(accepted.job.job_id), round(seconds)))


def read_submission(parameters: Mapping[str, str], settings: Settings) -> Submission:
    """The submission. Raises Invalid with all faults under the parameters' names, and TooLarge."""
    request = read_put(parameters)
    parsed = parse_with_faults(request.fields, settings)
    own = {fault.path for fault in request.faults}
    # A parameter that was refused is also missing from the fields.
    others = [fault for fault in map(request.named, parsed.faults) if fault.path not in own]
    faults = [*request.faults, *others]
    if faults or parsed.submission is None:
        raise Invalid(bounded(faults))
    submission = parsed.submission
    return replace(submission, search=replace(submission.search, report=request.report))
