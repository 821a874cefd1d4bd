"""A job whose owner wants it deleted is deleted by the step that records its end."""

from activities.context import ActivityContext
from shared.contracts.activities import ActivityInput, Stage
from shared.contracts.outcome import Outcome, OutcomeKind
from shared.contracts.states import Phase
from tests.activities.test_context import at_step, context, reports  # noqa: F401  a fixture
from tests.shared.jobs.conftest import clock, jobs  # noqa: F401  fixtures


async def test_a_job_whose_owner_wants_it_deleted_is_deleted_with_its_end(
    context: ActivityContext,  # noqa: F811
) -> None:
    stored = await at_step(context, 3, Stage.WATCH, Stage.CLEAN_UP)
    await context.jobs.request_delete(stored.job_id)
    await context.jobs.update(stored.job_id, "cancelling", phase=Phase.CANCELLING)
    ended = Outcome(OutcomeKind.DONE, Phase.CANCELLED, event="cancelled")
    input_ = ActivityInput(stored.job_id, 4)
    for _ in range(2):  # again, as after a crash
        result = await context.run_step(Stage.CLEAN_UP, input_, reports(ended))
        assert result.next_stage is None
        assert (await context.jobs.get(stored.job_id)).phase is Phase.DELETED
    names = [event.event for event in await context.jobs.events(stored.job_id)]
    assert names[-3:] == ["cancelling", "cancelled", "deleted"]
