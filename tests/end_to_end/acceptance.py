"""Searches that are accepted and not started, as by an app that ended in between."""

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime

from local.azurite import ACCOUNT
from local.demo.search import demo_request
from shared.dependencies import Dependencies, now
from shared.settings import Settings
from tests.end_to_end.conftest import FAST_POLLING, StackFixture
from tests.support.samples import settings
from triggers.auth.callers import LOCAL
from triggers.submission.accept import SubmissionService
from triggers.submission.parse import parse


def settings_of(system: StackFixture) -> Settings:
    """The app's settings for storage and cluster."""
    return settings(
        storage_account=ACCOUNT,
        storage_connection_string=system.stack.azurite.connection_string,
        cluster_name="local",
        resource_group="local",
        region="local",
        reconcile_after=FAST_POLLING["BLAST_RECONCILE_AFTER"],
    )


async def accept_demo(
    config: Settings, key: str | None = None, clock: Callable[[], datetime] = now
) -> str:
    """Accept the demo's search at the time of `clock`; returns the job's id."""
    submission = parse(demo_request(), config)
    async with aclosing(Dependencies(lambda: config)) as app:
        service = SubmissionService(app.jobs, app.blobs, config, clock)
        return (await service.accept(submission, LOCAL, key, "http")).job.job_id
