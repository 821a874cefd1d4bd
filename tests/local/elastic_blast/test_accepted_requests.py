"""No accepted request is refused by the stand-ins: neither its config nor one of its Jobs."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from local.cluster.admission import admit_new
from local.cluster.api_errors import ApiError
from local.cluster.resources import JOBS
from local.elastic_blast.config import Config, parse_config
from local.elastic_blast.fault_rules import JobFaultRule
from local.elastic_blast.manifests import search_jobs, setup_jobs
from local.elastic_blast.plan import Plan, arguments
from local.elastic_blast.submission import plan_of
from shared.contracts.search import Search
from shared.elastic_blast.config import render
from tests.support.random_requests import accepted_searches
from tests.support.samples import search as sample_search
from tests.support.samples import settings

FILE = Path("environment.json")


def plan(config: Config, batches: int) -> Plan:
    return replace(
        plan_of(f"job-{0:032x}", config, batches, JobFaultRule()),
        options=arguments(config.options),
        database_folder="/cache/db",
        shard_folders=tuple(f"/cache/{n}" for n in range(config.db_partitions)),
    )


def check(search: Search) -> None:
    """Parse the config and admit all Jobs of two batches. Raises InvalidConfig and ApiError."""
    made = plan(parse_config(render(search), {}), 2)
    for job in (*setup_jobs(made, FILE), *search_jobs(made, FILE)):
        admit_new(JOBS, job, "default")


def searches(seed: int, count: int) -> Iterator[Search]:
    return (search for _, search in islice(accepted_searches(seed, settings()), count))


@pytest.mark.parametrize("name", ["0", "1_0", "No"])
def test_failure_53_a_name_that_yaml_takes_for_another_value_is_refused(name: str) -> None:
    """A database that the door refuses, as elastic-blast writes its name without quotes."""
    with pytest.raises(ApiError, match=r"labels\.db"):
        check(sample_search(database_url=f"https://stgelb.blob.core.windows.net/blast-db/{name}"))


def test_accepted_requests_are_not_refused_later() -> None:
    for search in searches(1, 300):
        check(search)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_many_accepted_requests_are_not_refused_later() -> None:
    for search in searches(2, 5000):
        check(search)
