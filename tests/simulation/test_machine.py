"""I1, I2, I3, I4, I5, I6, I7: no interleaving of events of several jobs breaks an invariant.

Whatever happens, what is reported is what the tables say (R15).
"""

import asyncio

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as profile
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.scene import Store
from tests.simulation.searches import Searches

QUICK = profile(
    max_examples=4,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LONG = profile(QUICK, max_examples=150, stateful_step_count=50, derandomize=False, print_blob=True)


async def run_machine(store: Store, profile: profile) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(
        run_state_machine_as_test,
        lambda: Searches(store, loop),  # type: ignore[arg-type]
        settings=profile,
    )


async def test_every_job_reaches_one_correct_end_in_any_order_of_events(slow_store: Store) -> None:
    await run_machine(slow_store, QUICK)


@pytest.mark.faults
@pytest.mark.timeout(3600)
async def test_many_more_orders_of_events(slow_store: Store) -> None:
    await run_machine(slow_store, LONG)
