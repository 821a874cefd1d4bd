"""Only the app reaches its servers through the proxies."""

import pytest

from tests.faults.conftest import ProxiedStack
from tests.faults.crashes import RetryingClient

pytestmark = pytest.mark.acceptance

SERVERS = {"blob", "table", "sidecar", "cluster", "durable"}


def test_the_proxies_see_all_calls_of_the_app_and_no_others(system: ProxiedStack) -> None:
    before = len(system.proxies.requests)
    job_id = system.submit()
    RetryingClient(system).follow(job_id)
    calls = system.proxies.requests[before:]
    # A process creates its queue once, possibly before this test.
    assert {call.server for call in calls} - {"queue"} == SERVERS
    assert all(system.proxies.statuses[call.number] < 500 for call in calls)
    created = [call.shape for call in calls if (call.server, call.method) == ("cluster", "POST")]
    assert not any("jobs" in shape for shape in created), (
        "elastic-blast creates Jobs, and reaches the cluster directly"
    )
