"""The real distribution of Azure Monitor, against a loopback endpoint, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.util.version import VERSION
from tests.support.ingestion import KEY, Ingestion, ingesting

ROOT = Path(__file__).parents[3]
UNREACHABLE = f"InstrumentationKey={KEY};IngestionEndpoint=http://127.0.0.1:9/"
SEQUENCE = "ACGTTGCATGCATGCCGTAAGTACGTTGCATGCATGCC"
WORK = f"""
import asyncio, logging, sys
import function_app
from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider
from shared.contracts.job import Event
from shared.telemetry.tracing import TracedJob, traced
from tests.support.samples import NOON, job
from datetime import UTC, datetime

log, telemetry = logging.getLogger("blast"), function_app.telemetry
log.setLevel(logging.INFO)
one, parent = job(), "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

async def work():
    event = Event(one.job_id, 1, "accepted", datetime.now(UTC), one.phase, {{}})
    telemetry.transition(None, one, event)
    log.info("step_taken for {SEQUENCE}")
    try:
        raise ValueError("at https://host/x?sig=abc: {SEQUENCE}")
    except ValueError:
        log.exception("step_crashed")

async def main():
    run = traced("submit_search", work, lambda bindings: TracedJob(one.job_id, parent))
    await run()
    log.info("outside_of_jobs")

asyncio.run(main())
"""
CONFIGURED = """
import threading
for thread in threading.enumerate():
    if thread.name == "telemetry":
        thread.join()
"""
FLUSHED = """
for provider in (get_logger_provider(), trace.get_tracer_provider(), metrics.get_meter_provider()):
    provider.force_flush(2000)
"""


@pytest.fixture
def ingestion() -> Iterator[Ingestion]:
    with ingesting() as running:
        yield running


def run(program: str, folder: Path, connection: str = "", timeout: float = 60) -> str:
    environment = {
        "APPLICATIONINSIGHTS_CONNECTION_STRING": connection,
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "True",
        "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "True",
        "OTEL_TRACES_SAMPLER": "microsoft.fixed_percentage",
        "OTEL_TRACES_SAMPLER_ARG": "1.0",
        "TMPDIR": str(folder),
    }
    argv = [sys.executable, "-c", program]
    ended = subprocess.run(
        argv, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=timeout
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    "program",
    [
        WORK + CONFIGURED + FLUSHED,
        WORK.replace("import function_app", f"import function_app\n{CONFIGURED}") + FLUSHED,
    ],
    ids=["worked-before-configured", "configured-before-work"],
)
def test_all_that_a_job_reports_arrives_in_one_trace(
    ingestion: Ingestion, tmp_path: Path, program: str
) -> None:
    run(program, tmp_path, ingestion.connection_string)
    assert ingestion.faults == []
    (event,) = ingestion.rows("AppEvents", "blast.transition")
    (line,) = [row for row in ingestion.rows("AppTraces") if "step_taken" in row["Message"]]
    (crash,) = [
        *ingestion.rows("AppExceptions"),
        *(row for row in ingestion.rows("AppTraces") if "step_crashed" in row["Message"]),
    ]
    spans = ingestion.rows("AppDependencies", "submit_search")
    for row in (event, line, crash, *spans):
        assert row["Properties"]["job_id"] == event["Properties"]["job_id"]
        assert row["OperationId"] == "a" * 32
        assert row["AppVersion"] == VERSION
        assert row["AppRoleName"] == "elastic-blast-control-plane"
    (outside,) = [row for row in ingestion.rows("AppTraces") if "outside" in row["Message"]]
    assert "job_id" not in outside["Properties"]
    (accepted,) = ingestion.rows("AppMetrics", "blast.jobs.accepted")
    assert accepted["Sum"] == 1
    assert accepted["Properties"].items() >= {"source": "http", "program": "blastn"}.items()


@pytest.mark.acceptance
def test_no_sequence_and_no_secret_is_sent(ingestion: Ingestion, tmp_path: Path) -> None:
    run(WORK + CONFIGURED + FLUSHED, tmp_path, ingestion.connection_string)
    sent = b"".join(ingestion.bodies)
    assert b"step_taken" in sent and b"step_crashed" in sent
    for secret in (SEQUENCE.encode(), b"sig=abc", b"alice@example.org", b"?sig"):
        assert secret not in sent


@pytest.mark.acceptance
@pytest.mark.parametrize("trouble", ["down", "slow", "refusing"])
def test_an_endpoint_that_fails_holds_up_no_work(
    ingestion: Ingestion, tmp_path: Path, trouble: str
) -> None:
    connection = ingestion.connection_string
    if trouble == "down":
        connection = connection.replace(ingestion.url, "http://127.0.0.1:9/")
    ingestion.hangs, ingestion.status = trouble == "slow", 403
    program = WORK + CONFIGURED + "print('worked', flush=True)\nimport os; os._exit(0)"
    assert run(program, tmp_path, connection) == "worked\n"
    assert ingestion.items == []


START = """
import time
import function_app
{rest}
print(time.process_time())
"""


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("connection", "most"), [("", 1.0), (UNREACHABLE, 1.4)], ids=["without", "with-distribution"]
)
def test_the_start_costs_little(tmp_path: Path, connection: str, most: float) -> None:
    """Seconds of processor time, of all threads; the least of three starts."""
    program = START.format(rest=CONFIGURED)
    assert min(float(run(program, tmp_path, connection)) for _ in range(3)) <= most


def test_the_distribution_is_imported_only_where_it_is_used(tmp_path: Path) -> None:
    program = "import sys, function_app; print([m for m in sys.modules if 'azure.monitor' in m])"
    assert run(program, tmp_path) == "[]\n"
