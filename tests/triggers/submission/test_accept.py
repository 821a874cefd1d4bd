"""The storage calls of accepting a search."""

import uuid
from collections import Counter

import pytest

from local.azurite import Azurite
from shared.clients.blobs import Blobs
from shared.clients.tables import open_table
from shared.jobs import Index, JobStateRepository
from tests.activities.batch.conftest import blobs  # noqa: F401  a fixture
from tests.shared.jobs.conftest import Clock, clock  # noqa: F401  a fixture
from tests.shared.jobs.counted import Counted
from tests.support.samples import ALICE, RECONCILE_AFTER, settings
from triggers.submission.accept import SubmissionService
from triggers.submission.parse import parse

BODY = {"program": "blastn", "db": "16S", "query_data": ">q\nACGTTGCA\n"}


@pytest.mark.parametrize("key", [None, "k"])
async def test_accepting_takes_four_table_calls_and_one_more_for_a_key(
    azurite: Azurite,
    blobs: Blobs,  # noqa: F811
    clock: Clock,  # noqa: F811
    key: str | None,
) -> None:
    """One count of active jobs; then the active row, the job with its event, and the list row."""
    asked: Counter[str] = Counter()
    name = f"t{uuid.uuid4().hex}"
    tables = [open_table(name + kind, azurite.connection_string, "", None) for kind in "ji"]
    one, two = (Counted(table, asked) for table in tables)
    jobs = JobStateRepository(one, Index(two, RECONCILE_AFTER), clock)
    await jobs.ensure()
    door = SubmissionService(jobs, blobs, settings(), clock)
    await door.accept(parse(BODY, settings()), ALICE, key, "http", max_active_jobs=100)
    read = {"get": 1} if key else {}
    assert asked == {"query": 1, "upsert": 1, "commit": 1, "write": 1} | read
