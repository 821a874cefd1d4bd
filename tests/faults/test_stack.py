"""The app, and nobody else, reaches its servers through the proxies."""

from tests.faults.conftest import World
from tests.faults.crashing import Follower

SERVERS = {"blob", "table", "sidecar", "cluster", "durable"}


def test_all_calls_of_the_app_are_met_and_none_of_its_neighbours(world: World) -> None:
    before = len(world.proxies.requests)
    job_id = world.submit()
    Follower(world).follow(job_id)
    calls = world.proxies.requests[before:]
    # A process makes sure once that its queue is there, and this one may have done so before.
    assert {call.server for call in calls} - {"queue"} == SERVERS
    assert all(world.proxies.statuses[call.number] < 500 for call in calls)
    made = [call.shape for call in calls if (call.server, call.method) == ("cluster", "POST")]
    assert not any("jobs" in shape for shape in made), (
        "Jobs are made by elastic-blast, which reaches the cluster directly"
    )
