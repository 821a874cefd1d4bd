"""Failure 58: responses have the fields that the real client reads, with its types."""

import re
from typing import Any

import pytest

from shared.contracts.job import Counts
from shared.contracts.states import Phase
from tests.support.samples import NOON
from tests.triggers.http.client_shapes import (
    AGGREGATE,
    CLUSTERS,
    DATABASES,
    FUNCTIONS,
    HEAD,
    JOB,
    NOT_AN_INTEGER,
    PRE_FLIGHT,
    READS,
    SEED,
    STATUS,
    STEPS,
    SUBMITTED,
    TWO_DIGITS,
    UNKNOWN_ROUTE,
    Read,
    found,
)
from tests.triggers.http.clients import NEWEST, ok, send_json, store_completed_job, store_job
from tests.triggers.http.conftest import RunningApp
from tests.triggers.http.contract import amiss


def hold(body: object, reads: tuple[Read, ...], *, filled: bool = True) -> None:
    """Assert that every field that is read exists with its type, and that there is one."""
    values = {read.path: found(body, read.path) for read in reads}
    faults = [
        fault
        for read in reads
        for value in values[read.path]
        for fault in amiss(value, read.shape, read.path)
    ]
    assert faults == []
    if filled:
        assert [path for path, there in values.items() if not there] == []


def test_the_table_has_a_source_line_in_each_revision() -> None:
    site = re.compile(r"[\w/]+\.tsx?:\d+")
    assert all(read.sites and all(map(site.fullmatch, read.sites.values())) for read in READS)
    for reads in (CLUSTERS, DATABASES, PRE_FLIGHT, SUBMITTED, JOB, AGGREGATE, UNKNOWN_ROUTE):
        assert {r for read in reads for r in read.sites} == {HEAD, SEED, FUNCTIONS}


def test_clusters_are_listed(running_app: RunningApp) -> None:
    hold(ok(send_json(running_app, "GET", CLUSTERS[0].route)), CLUSTERS)


def test_a_databases_path_can_be_made_from_the_list(running_app: RunningApp) -> None:
    body = ok(send_json(running_app, "GET", "blast/databases"))
    hold(body, DATABASES)
    for row in body["databases"]:
        path = f"{row['container']}/{row['prefix']}/{row['name']}"
        checked = ok(send_json(running_app, "POST", "blast/pre-flight", {"db": path}))
        (database,) = (one for one in checked["checks"] if one["id"] == "blast_db")
        assert database["status"] == ("pass" if row["ready"] else "warn")
        assert row["copy_status"]["phase"] == ("completed" if row["ready"] else "partial")


def test_a_pre_flight_has_the_fields_that_clients_read(running_app: RunningApp) -> None:
    hold(
        ok(send_json(running_app, "POST", "blast/pre-flight", NEWEST.search(running_app))),
        PRE_FLIGHT,
    )


def test_a_submission_has_the_fields_that_clients_read(running_app: RunningApp) -> None:
    hold(
        ok(send_json(running_app, "POST", "blast/jobs", NEWEST.search(running_app)), 202), SUBMITTED
    )


COUNTS = Counts(expected=2, succeeded=1)
LIFE = (
    *(Phase.SUBMITTING, Phase.SUBMITTED, Phase.RUNNING),
    *(Phase.EXPORTING_RESULTS, Phase.COMPLETED),
)


def hold_job(app: RunningApp, job_id: str, *, filled: bool = False) -> None:
    for reads in (JOB, STEPS, STATUS):
        body = ok(send_json(app, "GET", reads[0].route.format(id=job_id)))
        hold(body, reads, filled=filled)


async def test_the_outputs_of_steps_are_text(running_app: RunningApp) -> None:
    job_id = await store_job(running_app, Phase.QUEUED, counts=COUNTS)
    for phase in LIFE:
        await running_app.jobs.update(job_id, phase.value, phase=phase)
        hold_job(running_app, job_id)
    hold_job(running_app, job_id, filled=True)


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.value)
async def test_clients_can_read_jobs_in_every_end_phase(
    running_app: RunningApp, phase: Phase
) -> None:
    if phase is not Phase.DELETED:
        hold_job(
            running_app,
            await store_job(
                running_app, phase, counts=COUNTS, phase_entered_at=dict.fromkeys(LIFE, NOON)
            ),
        )


async def test_statistics_have_the_fields_that_clients_draw(running_app: RunningApp) -> None:
    body = ok(
        send_json(
            running_app,
            "GET",
            f"blast/jobs/{await store_completed_job(running_app)}/results/aggregate",
        )
    )
    hold(body, AGGREGATE)
    stats: dict[str, Any] = body["stats"]
    assert TWO_DIGITS.fullmatch(str(stats["avg_identity"]))
    for name in ("evalue_distribution", "identity_distribution"):
        bins = stats[name]
        assert all(NOT_AN_INTEGER.fullmatch(bin) for bin in bins)
        assert sum(bins.values()) == stats["total_hits"]
        starts = [float(bin.split()[0]) for bin in bins]
        assert starts == sorted(starts)
    # The client derives a bar's colour from the number at the start of its label.
    assert stats["identity_distribution"]["95 to 100"] == 1


def test_unsupported_operations_get_a_documented_error(running_app: RunningApp) -> None:
    status, body = send_json(running_app, "GET", UNKNOWN_ROUTE[0].route)
    assert status == 404
    hold(body, UNKNOWN_ROUTE)
