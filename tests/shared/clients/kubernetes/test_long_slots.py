"""Failure 9: a slot that is taken for the time of a submission keeps that time."""

from datetime import timedelta
from typing import Any

import pytest

from shared.clients.kubernetes import KubernetesCluster
from shared.clients.kubernetes.submit_lease import DURATION, NAME, TOLERANCE
from shared.errors import Unavailable
from tests.local.cluster.cluster_fixture import ClusterFixture
from tests.shared.clients.kubernetes.server import Reply, Request, Server, status
from tests.shared.clients.kubernetes.test_submit_lease import (
    Clock,
    Submitter,
    _world,  # noqa: F401  fixtures
    spec,
    world,  # noqa: F401
)
from tests.support.samples import NOON

SUBMISSION = timedelta(minutes=31)
CONFLICT = status(409, "Conflict")


@pytest.mark.parametrize("seconds", [-40, -2, 2, 40])
async def test_failure_9_instances_whose_clocks_differ_do_not_shorten_a_slot(
    world: ClusterFixture,  # noqa: F811
    seconds: int,
) -> None:
    holder = Submitter(world)
    other_instance = Submitter(world, Clock(NOON + timedelta(seconds=seconds)), holder.name)
    await holder.cluster.acquire_submit_lease(holder.name, SUBMISSION)
    assert (await other_instance.acquire()).is_held
    late = Submitter(world)
    late.clock.advance((SUBMISSION - timedelta(seconds=41) + TOLERANCE).total_seconds())
    assert not (await late.acquire()).is_held
    assert spec(world)["leaseDurationSeconds"] == SUBMISSION.total_seconds()


class Contended:
    """A cluster whose Lease is renewed by another run of the same step before each of our writes,
    this often."""

    def __init__(self, conflicts: int) -> None:
        self.conflicts = conflicts
        self.version = 1
        self.is_written = False

    def answer(self, request: Request) -> Reply:
        if request.method == "PUT":
            self.version += 1
            if self.version <= self.conflicts + 1:
                return CONFLICT
            self.is_written = True
        return Reply(body=self.lease())

    def lease(self) -> dict[str, Any]:
        held = {
            "holderIdentity": "job-1",
            "acquireTime": "2026-11-23T12:00:00.000000Z",
            "renewTime": "2026-11-23T12:00:00.000000Z",
            "leaseDurationSeconds": int(DURATION.total_seconds()),
        }
        return {"metadata": {"name": NAME, "resourceVersion": str(self.version)}, "spec": held}


async def test_failure_9_a_slot_that_another_run_has_just_renewed_lasts_as_long_as_asked(
    server: Server, cluster: KubernetesCluster
) -> None:
    contended = Contended(conflicts=1)
    server.manner = contended.answer
    assert (await cluster.acquire_submit_lease("job-1", SUBMISSION)).is_held
    assert contended.is_written


async def test_failure_9_a_slot_that_keeps_changing_is_not_taken_to_last(
    server: Server, cluster: KubernetesCluster
) -> None:
    server.manner = Contended(conflicts=2).answer
    with pytest.raises(Unavailable, match="the submit slot changed"):
        await cluster.acquire_submit_lease("job-1", SUBMISSION)
