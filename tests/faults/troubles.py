"""The troubles that alerts tell of, each caused in a real run.

A trouble is a context manager. It causes the trouble, and lets its alert fire while it is open. It
yields how many items had arrived before it, so that those of earlier ones do not count.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.data.tables import TableClient, UpdateMode

from local.demo.client import RequestRejected
from local.elastic_blast.fault_rules import FaultRule
from local.stack import PROJECT
from shared.contracts.states import Phase
from shared.dependencies import INDEX_TABLE, JOBS_TABLE, REQUESTS, now
from shared.jobs import rows
from shared.telemetry.names import TRANSITION
from tests.end_to_end.acceptance import accept_demo, settings_of
from tests.faults.conftest import ProxiedStack
from tests.faults.fault_run import FULL, FaultRun, queue
from tests.faults.faults import Fault, FaultKind, RequestFilter
from tests.monitoring.conditions import checks
from tests.monitoring.test_alerts import fired
from tests.support.blocking import run as run_async
from tests.support.ingestion import Row
from tests.upgrade.next_version import make_broken_version
from triggers.auth.callers import LOCAL

TEXT = '{"program": "blastn"}'
SAMPLES = 5
"""How many values of a gauge the alerts on gauges ask for."""
LONG_AGO = timedelta(hours=2, minutes=1)
"""Longer than a search may wait before the alert `waits-too-long`."""
A_DAY = timedelta(hours=25)
"""Longer than reconcile tries to clean up a search that has ended."""


def rows_of(run: FaultRun, since: int = 0) -> list[Row]:
    """The rows that arrived after the first `since` ones, and those of the platform."""
    received = run.ingestion.all_rows()[since:]
    spans = [row for table, row in received if table == "AppDependencies"]
    return [*received, *(("AppRequests", request_of(span)) for span in spans), *checks(failed=0)]


def request_of(span: Mapping[str, Any]) -> dict[str, Any]:
    """The row that the host writes of the same function."""
    path = "/health" if span["Name"] in ("health", "ready") else f"/{span['Name']}"
    return {**span, "ResultCode": "200" if span["Success"] else "500", "Url": f"/api{path}"}


def settled(run: FaultRun) -> int:
    """How many items have arrived once all has that was reported before.

    Events and log lines are sent in their order: behind the last event of a search none is left.
    """
    job_id = run.system.submit()
    until_ended(run.system, [job_id])

    def has_ended() -> bool:
        events = [row["Properties"] for row in run.ingestion.rows("AppEvents", TRANSITION)]
        return any(
            (event["job_id"], event["event"]) == (job_id, Phase.COMPLETED) for event in events
        )

    run.wait(has_ended)
    assert has_ended()
    run.reconciled()
    return len(run.ingestion.items)


def until_ended(system: ProxiedStack, job_ids: list[str]) -> None:
    for job_id in job_ids:
        system.until_in(job_id, Phase.COMPLETED)


@contextmanager
def no_sidecar(run: FaultRun) -> Iterator[int]:
    since, stack = settled(run), run.system.stack
    stack.sidecar.kill()
    job_ids = [run.system.submit() for _ in range(3)]
    run.wait(lambda: "sidecar" in fired(rows_of(run, since)))
    stack.sidecar = stack.start_sidecar()
    until_ended(run.system, job_ids)
    yield since


@contextmanager
def wrong_token(run: FaultRun) -> Iterator[int]:
    since = settled(run)
    restart_sidecar(run.system, {"EXEC_TOKEN": "another-token-" * 4})
    job_id = run.system.submit()
    run.system.until_event(job_id, "retry_scheduled")
    restart_sidecar(run.system, {})
    until_ended(run.system, [job_id])
    yield since


def restart_sidecar(system: ProxiedStack, settings: Mapping[str, str]) -> None:
    system.stack.sidecar.kill()
    system.stack.sidecar_settings = settings
    system.stack.sidecar = system.stack.start_sidecar()


@contextmanager
def refusing_storage(run: FaultRun) -> Iterator[int]:
    """A role is missing: requests fail, too, but too few of them for an alert of their own."""
    since, where = settled(run), RequestFilter("table", "GET")
    refused = run.system.faults(Fault(FaultKind.STATUS, where, status=403))
    with refused, pytest.raises(RequestRejected, match="503"):
        run.system.api.jobs()
    yield since


@contextmanager
def failing_requests(run: FaultRun) -> Iterator[int]:
    """Tables answers with 503: the SDK tries again, and the request fails."""
    since, where = settled(run), RequestFilter("table", "GET")
    with run.system.faults(Fault(FaultKind.STATUS, where, times=None, status=503)):
        for _ in range(6):
            with pytest.raises(RequestRejected, match="503"):
                run.system.api.jobs()
        run.system.reconcile()  # it waits for storage, too, and fires no alert on faults of the app
    yield since


@contextmanager
def damaged_row(run: FaultRun) -> Iterator[int]:
    """A row without its owner, which no version writes: the request that reads it crashes."""
    since, job_id = settled(run), run.system.submit()
    until_ended(run.system, [job_id])
    with table_of(run.system, JOBS_TABLE) as table:
        row = table.get_entity(job_id, "job")
        table.update_entity(
            {name: row[name] for name in row if name != "owner_oid"}, UpdateMode.REPLACE
        )
        with pytest.raises(RequestRejected, match="500"):
            run.system.api.job(job_id)
        table.update_entity(row, UpdateMode.REPLACE)
    yield since


def table_of(system: ProxiedStack, name: str) -> TableClient:
    return TableClient.from_connection_string(system.stack.azurite.connection_string, name)


@contextmanager
def waiting_messages(run: FaultRun) -> Iterator[int]:
    """More than a hundred messages, and a poisoned one, as long as the alerts ask for."""
    with queue(run.system) as requests, queue(run.system, f"{REQUESTS}-poison") as poison:
        for _ in range(101):
            requests.send_message(TEXT, visibility_timeout=3600)
        poison.send_message(TEXT, visibility_timeout=3600)
        since = settled(run)
        for _ in range(SAMPLES):
            run.reconciled()
        yield since
        requests.clear_messages()
        poison.clear_messages()


@contextmanager
def waiting_search(run: FaultRun) -> Iterator[int]:
    """A search for which the cluster has had no room for two hours.

    It is accepted by the app's own code with an earlier clock, and reconcile starts it.
    """
    system = run.system
    key = system.add_fault(lambda job_id: FaultRule(job_id, answer=FULL, exit_code=10))
    job_id = run_async(accept_demo(settings_of(system), key, lambda: now() - LONG_AGO))
    system.reconcile()
    system.until_event(job_id, "retry_scheduled")
    since = settled(run)
    for _ in range(SAMPLES):
        run.reconciled()
    assert system.row(job_id)["phase"] in (Phase.WAITING_FOR_CAPACITY, Phase.SUBMITTING)
    yield since
    system.api.cancel(job_id)
    system.until_in(job_id, Phase.CANCELLED)


@contextmanager
def broken_orchestrations(run: FaultRun) -> Iterator[int]:
    """An upgrade with which every orchestration fails before its first step; then a correct one."""
    since, system = settled(run), run.system
    run_app(system, make_broken_version(system.stack.folder.parent / "broken"))
    job_id = system.submit()
    system.until_event(job_id, "accepted")
    for times in (1, 2):  # the first restart is no error: a task hub can be lost
        until_restarted(system, job_id, times)
    run.wait(lambda: "stuck-orchestrations" in fired(rows_of(run, since)))
    run_app(system, PROJECT)
    until_restarted(system, job_id, 3)
    until_ended(system, [job_id])
    yield since


def run_app(system: ProxiedStack, app: Path) -> None:
    """Replace the running version of the app."""
    system.stack.app = app
    system.restart_host()


def until_restarted(system: ProxiedStack, job_id: str, times: int) -> None:
    """Let reconcile restart the job's orchestration without the minutes between its tries."""

    def is_restarted() -> bool:
        make_overdue(system, job_id)
        system.reconcile()
        return system.events(job_id).count("orchestration_restarted") >= times

    system.until_true(is_restarted, f"restart {times}")


def make_overdue(system: ProxiedStack, job_id: str) -> None:
    due = {"PartitionKey": rows.active_owner_partition(LOCAL), "RowKey": job_id}
    with table_of(system, INDEX_TABLE) as index:
        index.update_entity({**due, "due": datetime.now(UTC) - timedelta(minutes=1)})


@contextmanager
def overridden_cluster(run: FaultRun) -> Iterator[int]:
    since = settled(run)
    use_another_cluster(run, since)
    yield since


@contextmanager
def abandoned_cleanup(run: FaultRun) -> Iterator[int]:
    """A search that used another cluster, which the app cannot look at, a day later."""
    job_id = use_another_cluster(run, settled(run))
    since = settled(run)
    with table_of(run.system, JOBS_TABLE) as table:
        ended = {"PartitionKey": job_id, "RowKey": rows.JOB, "finished_at": now() - A_DAY}
        table.update_entity(ended)
    make_overdue(run.system, job_id)
    run.system.reconcile()
    run.system.until_event(job_id, "cleanup_abandoned")
    yield since


def use_another_cluster(run: FaultRun, since: int) -> str:
    """The image's elastic-blast overrides the config; returns the search that failed by it.

    Our own sidecar passes no such variable on.
    """
    system, settings = run.system, run.system.stack.settings
    run_with(system, {**settings, "BLAST_CLEANUP_TIMEOUT": "1s"})
    program = system.stack.folder / "bin/elastic-blast"
    text = program.read_text()
    program.write_text(text.replace("\n", "\nexport ELB_CLUSTER_NAME=another\n", 1))
    job_id = system.submit()
    system.until_in(job_id, Phase.SUBMIT_FAILED)
    assert system.row(job_id)["error_code"] == "config_overridden"
    run.wait(lambda: "left-on-cluster" in fired(rows_of(run, since)))
    program.write_text(text)
    run_with(system, settings)
    return job_id


def run_with(system: ProxiedStack, settings: Mapping[str, str]) -> None:
    """Restart the app with other settings."""
    system.stack.settings = settings
    system.restart_host()


TROUBLES: Mapping[str, tuple[Callable[[FaultRun], AbstractContextManager[int]], set[str]]] = {
    "the sidecar is away": (no_sidecar, {"sidecar"}),
    "the sidecar refuses the token": (wrong_token, {"configuration"}),
    "storage refuses the app": (refusing_storage, {"storage"}),
    "requests fail": (failing_requests, {"5xx"}),
    "a request crashes": (damaged_row, {"failures-by-us"}),
    "messages wait": (waiting_messages, {"queue-backlog", "poison"}),
    "a search waits": (waiting_search, {"waits-too-long"}),
    "orchestrations fail": (broken_orchestrations, {"stuck-orchestrations"}),
    "elastic-blast uses another cluster": (overridden_cluster, {"left-on-cluster"}),
    "a clean-up is given up": (abandoned_cleanup, {"left-on-cluster"}),
}
"""By name: the context manager that causes it, and the alerts that it fires."""
