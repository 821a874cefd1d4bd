"""The storage calls of accepting a search, and the limit of active jobs that one of them is for."""

import uuid
from collections import Counter
from collections.abc import Callable

import pytest

from local.azurite import Azurite
from shared.clients.blobs import Blobs
from shared.clients.tables import open_table
from shared.contracts.job import Caller
from shared.contracts.states import Phase
from shared.errors import TooMany
from shared.jobs import Index, JobStateRepository
from tests.activities.batch.conftest import blobs  # noqa: F401  a fixture
from tests.shared.jobs.conftest import Clock, clock  # noqa: F401  a fixture
from tests.shared.jobs.counted import Counted
from tests.support.samples import ALICE, BOB, RECONCILE_AFTER, settings
from triggers.submission.accept import SubmissionService
from triggers.submission.parse import parse
from triggers.submission.repeats import RepeatableSubmissions

BODY = {"program": "blastn", "db": "16S", "query_data": ">q\nACGTTGCA\n"}


class Process:
    """A process that accepts searches, and counts its calls of Tables."""

    def __init__(self, azurite: Azurite, name: str, blobs: Blobs, clock: Clock) -> None:  # noqa: F811
        self.asked: Counter[str] = Counter()
        one, two = (
            Counted(open_table(name + kind, azurite.connection_string, "", None), self.asked)
            for kind in "ji"
        )
        self.jobs = JobStateRepository(one, Index(two, RECONCILE_AFTER), clock)
        self.service = SubmissionService(self.jobs, blobs, settings(), clock)

    async def accept(self, limit: int, key: str | None = None, caller: Caller = ALICE) -> str:
        """Accept a search; returns the id of its job."""
        one = parse(BODY, settings())
        accepted = await self.service.accept(one, caller, key, "http", max_active_jobs=limit)
        return accepted.job.job_id

    async def accept_by_url_api(self, limit: int, name: str) -> None:
        """Accept the search of a query of this name."""
        one = parse({**BODY, "query_data": f">{name}\nACGTTGCA\n"}, settings())
        await RepeatableSubmissions(self.service).accept(one, ALICE, "url_api", limit)

    async def queries(self, limit: int, caller: Caller = ALICE) -> int:
        """Accept a search; returns the queries that it took."""
        before = self.asked["query"]
        await self.accept(limit, caller=caller)
        return self.asked["query"] - before


@pytest.fixture
async def start(azurite: Azurite, blobs: Blobs, clock: Clock) -> Callable[[], Process]:  # noqa: F811
    """Starts processes over the same new tables."""
    name = f"t{uuid.uuid4().hex}"
    await Process(azurite, name, blobs, clock).jobs.ensure()
    return lambda: Process(azurite, name, blobs, clock)


@pytest.fixture
def process(start: Callable[[], Process]) -> Process:
    return start()


@pytest.mark.parametrize("key", [None, "k"])
async def test_accepting_takes_four_table_calls_and_one_more_for_a_key(
    process: Process, key: str | None
) -> None:
    """One count of active jobs; then the active row, the job with its event, and the list row."""
    await process.accept(100, key)
    read = {"get": 1} if key else {}
    assert process.asked == {"query": 1, "upsert": 1, "commit": 1, "write": 1} | read


async def test_a_tenth_of_the_room_that_a_count_has_found_is_used_without_another(
    process: Process,
    clock: Clock,  # noqa: F811
) -> None:
    assert [await process.queries(30) for _ in range(8)] == [1, 0, 0, 0, 1, 0, 0, 1]
    assert await process.queries(30, BOB) == 1, "a count is of one caller"
    clock.move(0.9)
    assert await process.queries(30) == 0
    clock.move(0.2)
    assert await process.queries(30) == 1, "a count is good for a second"


async def test_a_clock_that_is_set_back_makes_no_count_good_for_longer(
    process: Process,
    clock: Clock,  # noqa: F811
) -> None:
    assert await process.queries(100) == 1
    clock.move(-3600)
    assert await process.queries(100) == 1


@pytest.mark.parametrize("limit", [1, 5, 12])
async def test_a_process_by_itself_keeps_the_limit(process: Process, limit: int) -> None:
    for _ in range(limit):
        await process.accept(limit)
    for _ in range(2):
        with pytest.raises(TooMany, match=f"you have {limit} active searches"):
            await process.accept(limit)


async def test_a_process_by_itself_keeps_the_limit_also_by_the_url_api(process: Process) -> None:
    limit = 30
    await process.accept(limit)
    for number in range(limit - 1):
        await process.accept_by_url_api(limit, f"q{number}")
    with pytest.raises(TooMany):
        await process.accept(limit)


async def test_a_job_that_has_ended_makes_room_at_once(process: Process) -> None:
    first, _ = await process.accept(2), await process.accept(2)
    with pytest.raises(TooMany):
        await process.accept(2)
    await process.jobs.update(first, "failed", phase=Phase.SEARCH_FAILED)
    await process.accept(2)


async def test_each_other_process_exceeds_the_limit_by_a_tenth_of_the_room_at_most(
    start: Callable[[], Process],
) -> None:
    limit, processes, accepted = 30, [start() for _ in range(3)], 0
    for process in processes:  # which finds room for 30, 29 and 28 jobs
        await process.accept(limit)
        accepted += 1
    for process in processes:
        with pytest.raises(TooMany):
            while True:
                await process.accept(limit)
                accepted += 1
    assert accepted == limit + 2 + 2
