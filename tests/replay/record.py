"""`python -m tests.replay.record`: record histories of jobs of each shape, on the local stack."""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from azure.storage.blob import BlobClient

from local.demo.queries import DEMO_DATABASE, DEMO_FASTA
from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.databases import upload_database
from local.elastic_blast.fault_rules import FaultRule, JobFaultRule
from local.functions_host.durable.history import Event
from local.processes import Child, start
from local.stack import PROJECT, Stack
from shared.contracts.activities import Category
from tests.end_to_end.conftest import StackFixture
from tests.replay.histories import HISTORIES, RENEWED, write_history
from tests.replay.recording import generations
from tests.support.retries import retry_settings

SETTINGS = {
    "BLAST_POLL_SCHEDULE": "500ms",
    **retry_settings(Category.CAPACITY, first="2s", longest="30s"),
    **retry_settings(Category.CRASH, tries="3"),
    **retry_settings(Category.CONFLICT, Category.SUBMIT_SLOT, first="30s", longest="5m"),
}
BUSY = {"category": "transient", "message": "API busy", "retry_after_seconds": 1}
FULL = {"category": "capacity", "message": "no nodes"}
FULL_HOUSE = "waiting_for_capacity"
RECORD = "histories.jsonl"


class RecordingStack(Stack):
    """The local stack over a host that keeps histories."""

    def start_host(self) -> Child:
        argv = [sys.executable, "-m", "tests.replay.recording", str(PROJECT)]
        argv += [str(self.folder / "durable.sqlite"), str(self.folder / RECORD)]
        child = start("functions", argv, self._log("functions"), self._environment(), cwd=PROJECT)
        return self._track(child)


def happy(world: StackFixture) -> str:
    return world.submit()


def capacity_retry(world: StackFixture) -> str:
    trouble = world.add_fault(lambda key: FaultRule(key=key, call=1, answer=FULL, exit_code=10))
    return world.submit(key=trouble)


def transient_retries(world: StackFixture) -> str:
    def twice(job_id: str) -> FaultRule:
        world.rules.append(FaultRule(key=job_id, call=1, answer=BUSY, exit_code=8))
        return FaultRule(key=job_id, call=2, answer=BUSY, exit_code=8)

    return world.submit(key=world.add_fault(twice))


def cancelled_while_running(world: StackFixture) -> str:
    job_id = world.submit(
        key=world.add_fault(lambda key: FaultRule(key, jobs=JobFaultRule(hang=True)))
    )
    world.in_phase(job_id, "running")
    world.api.cancel(job_id)
    return job_id


def cancelled_in_a_retry_wait(world: StackFixture) -> str:
    key = world.add_fault(lambda key: FaultRule(key=key, answer=FULL, exit_code=10))
    job_id = world.submit(key=key)
    world.in_phase(job_id, FULL_HOUSE)
    world.api.cancel(job_id)
    return job_id


def cancelled_during_a_step(world: StackFixture) -> str:
    """The event comes while elastic-blast runs."""
    job_id = world.submit(key=world.add_fault(lambda key: FaultRule(key, hang_seconds=600)))
    world.until(job_id, lambda job: world.submissions(job_id) == 1)
    world.api.cancel(job_id)
    return job_id


def cancelled_without_a_cluster(world: StackFixture) -> str:
    """It cannot be stopped for a while, so that delays follow the event."""
    job_id = world.submit(
        key=world.add_fault(lambda key: FaultRule(key, jobs=JobFaultRule(hang=True)))
    )
    world.in_phase(job_id, "running")
    world.stack.cluster.kill()
    world.api.cancel(job_id)
    world.until(job_id, lambda job: job["phase"] == "cancelling" and "reason" in job)
    world.stack.cluster = world.stack.start_cluster()
    return job_id


async def woken_for_the_slot(world: StackFixture) -> str:
    """It waits for the slot until another search finds that it is free."""
    await world.cluster.acquire_submit_lease("another-program")
    job_id = world.submit()
    world.in_phase(job_id, "waiting_for_submit_slot")
    await world.cluster.release_submit_lease("another-program")
    world.submit()
    return job_id


def crash_that_passes(world: StackFixture) -> str:
    """Its config is missing for a while, which no activity expects."""
    job_id = capacity_retry(world)
    text = take_config(world, job_id)
    log = world.stack.folder / "logs" / "functions.log"
    world.until(job_id, lambda job: f"the config of {job_id} is missing" in log.read_text())
    config_of(world, job_id).upload_blob(text)
    return job_id


def crash_to_the_end(world: StackFixture) -> str:
    job_id = capacity_retry(world)
    take_config(world, job_id)
    return job_id


def take_config(world: StackFixture, job_id: str) -> bytes:
    """Delete a job's config while it waits to be submitted; returns its text."""
    world.in_phase(job_id, FULL_HOUSE)
    config = config_of(world, job_id)
    text: bytes = config.download_blob().readall()
    config.delete_blob()
    return text


def config_of(world: StackFixture, job_id: str) -> BlobClient:
    url = urlsplit(world.api.events(job_id)[1]["payload"]["config_blob"])
    container, _, path = url.path.lstrip("/").partition("/")
    return AccountBlobs.of(world.stack.environment).service.get_blob_client(container, path)


def continued_as_new(world: StackFixture) -> str:
    """Its marker is written only in its second generation."""
    silent = world.add_fault(lambda key: FaultRule(key=key, jobs=JobFaultRule(markers=())))
    job_id = world.submit(key=silent)
    world.until(job_id, lambda job: generations(record_of(world), job_id) != [])
    marker = f"https://devstoreaccount1.blob.core.windows.net/results/{job_id}/metadata/SUCCESS.txt"
    AccountBlobs.of(world.stack.environment).write(marker, b"")
    return job_id


def batch_of_two(world: StackFixture) -> str:
    """Its chunk is created in a generation of its own."""
    return world.submit(searches=[{"job_title": "first"}, {}], batch_len=100_000)


SHAPES: tuple[Callable[[StackFixture], str], ...] = (
    happy,
    capacity_retry,
    transient_retries,
    cancelled_while_running,
    cancelled_in_a_retry_wait,
    cancelled_during_a_step,
    cancelled_without_a_cluster,
    woken_for_the_slot,
    crash_that_passes,
    crash_to_the_end,
    continued_as_new,
    batch_of_two,
)


def record_of(world: StackFixture) -> Path:
    return world.stack.folder / RECORD


def recorded(world: StackFixture, shape: Callable[[StackFixture], str]) -> list[list[Event]]:
    """The generations of a job of this shape, once the last one has ended."""
    job_id = shape(world)
    phase = world.ended(job_id)["phase"]
    sys.stdout.write(f"{shape.__name__}: {phase}, after {', '.join(world.events(job_id))}\n")
    world.until(job_id, lambda job: has_ended(generations(record_of(world), job_id)))
    return generations(record_of(world), job_id)


def has_ended(histories: list[list[Event]]) -> bool:
    return bool(histories) and histories[-1][-1]["OrchestrationStatus"] != RENEWED


def record_all(to: Path, work: Path) -> None:
    """Run a job of each shape, and write its generations to `to`, which must be new."""
    to.mkdir(parents=True)
    stack = RecordingStack(work, settings=SETTINGS)
    stack.start()
    try:
        upload_database(DEMO_FASTA, DEMO_DATABASE, stack.environment)
        for shape in SHAPES:
            for number, history in enumerate(recorded(StackFixture(stack), shape), start=1):
                write_history(to / f"{shape.__name__}-{number}.json", history)
    finally:
        stack.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.replay.record", description=__doc__)
    parser.add_argument("name", help="of the new folder, such as 0.1.0-2026-11-25")
    with tempfile.TemporaryDirectory() as folder:
        record_all(HISTORIES / parser.parse_args().name, Path(folder))
