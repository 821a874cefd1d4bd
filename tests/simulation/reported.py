"""What is reported of the jobs of a scene, against its tables."""

from collections.abc import Iterable, Mapping

import pytest

from shared.contracts.job import Job
from tests.simulation.scene import Scene
from tests.support.expected_metrics import (
    FROM_TRANSITIONS,
    Attributes,
    History,
    Report,
    Total,
    expected_totals,
    unreported,
)
from tests.support.reports import Reports


async def check_reported(scene: Scene, jobs: Iterable[Job]) -> list[Report]:
    """The reported transitions are those of the histories, and the metrics say the same.

    Returns what was not reported: at most one transition for each process that died right after a
    write.
    """
    histories = [History(job, await scene.jobs.events(job.job_id)) for job in jobs]
    lost = unreported(histories, scene.reports.transitions())
    assert lost.total() <= scene.environment.deaths["store"]
    totals = expected_totals(histories, lost)
    for name in FROM_TRANSITIONS:
        assert_alike(scene.reports, name, totals[name])
    return sorted(lost.elements())


def assert_alike(reports: Reports, name: str, expected: Mapping[Attributes, Total]) -> None:
    found = reports.totals(name)
    assert found.keys() == expected.keys(), name
    for attributes, total in expected.items():
        assert found[attributes].sum == pytest.approx(total.sum), (name, attributes)
        assert found[attributes].count in (0, total.count), (name, attributes)
