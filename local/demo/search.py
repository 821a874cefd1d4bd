"""The demo: one real search over HTTP, whose hits are compared with a plain blastn run."""

import os
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from local.demo.client import Api
from local.demo.console import ProgressLine, print_hits_table, print_line, print_part_ready
from local.demo.hits import best_hits, result_rows, run_blastn
from local.demo.polling import has_ended, until, until_ready
from local.demo.queries import (
    DEMO_BATCH_LEN,
    DEMO_DATABASE,
    DEMO_FASTA,
    DEMO_OPTIONS,
    DEMO_PROGRAM,
    demo_queries,
)
from local.elastic_blast import Environment
from local.elastic_blast.databases import make_database, upload_database

READY_TIMEOUT = 60.0
"""Seconds until each dependency must answer the app; they do after one or two."""
SEARCH_TIMEOUT = 300.0
"""Seconds that the demo's search may take; it takes about five."""


class DemoFailed(Exception):
    """The search did not complete, or its hits differ from those of blastn."""


def demo_request() -> dict[str, Any]:
    """The body of the demo's POST."""
    return {
        "program": DEMO_PROGRAM,
        "db": DEMO_DATABASE,
        "query_data": demo_queries(),
        "batch_len": DEMO_BATCH_LEN,
        "job_title": "20 slipper orchids against 94",
        "additional_options": DEMO_OPTIONS,
    }


def show_demo(api: Api, environment: Environment, hits_file: Path | None = None) -> None:
    """Run the search and print its progress and results. Raises DemoFailed.

    The hits are written to `hits_file`, for a reader whose server stops with the demo.
    """
    _load_clients(api)
    print_line(f"\nUploading the database {DEMO_DATABASE}")
    upload_database(DEMO_FASTA, DEMO_DATABASE, environment)
    print_line("Searching: POST /api/blast/jobs\n")
    progress = ProgressLine()
    started_at = time.monotonic()
    accepted = api.submit(demo_request())
    job = until(api, accepted["job_id"], has_ended, SEARCH_TIMEOUT, progress.show)
    total = time.monotonic() - started_at
    progress.end()
    if job["status"] != "completed":
        raise DemoFailed(f"the search ended as {job['phase']}: {job.get('error')}")
    rows = result_rows(api.files(job["job_id"]))
    _show_hits(rows)
    if hits_file is None:
        print_line(f"\nResult files: {api.url}/api/blast/jobs/{job['job_id']}/results")
    else:
        hits_file.write_text("".join(f"{row}\n" for row in rows))
        print_line(f"\nAll hits: {os.path.relpath(hits_file)}")
    _show_times(api.events(job["job_id"]), total, _compare_with_blastn(rows))


def _load_clients(api: Api) -> None:
    """Let the app load and open its clients before the search, whose time is measured.

    The app loads them on first use, the client of Kubernetes for a second: the start of a process
    costs that once, and not each search.
    """
    started_at = time.monotonic()
    until_ready(api, READY_TIMEOUT)
    print_part_ready("app", time.monotonic() - started_at)


def _show_hits(rows: Sequence[str]) -> None:
    print_line(f"\n{len(rows)} hits; for each query, the best hit other than itself:\n")
    print_hits_table(best_hits(rows))


def _compare_with_blastn(rows: Sequence[str]) -> float:
    """Compare all rows, in order, with one blastn run; return its duration in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_database(DEMO_FASTA, folder / DEMO_DATABASE)
        (folder / "queries.fa").write_text(demo_queries())
        expected, seconds = run_blastn(folder / DEMO_DATABASE, folder / "queries.fa", DEMO_OPTIONS)
    if list(rows) != expected:
        raise DemoFailed(f"{len(rows)} hits differ from the {len(expected)} of plain blastn")
    print_line(f"All {len(expected)} rows equal those of one plain blastn run, in order.")
    return seconds


def _show_times(events: Sequence[dict[str, Any]], total: float, blastn_seconds: float) -> None:
    """Print the time of elastic-blast, of the cluster, and of the control plane itself."""
    time_of = {event["event"]: datetime.fromisoformat(event["timestamp"]) for event in events}
    submit = next(e["payload"]["took_seconds"] for e in events if e["event"] == "submitted")
    cluster = (time_of["exporting_results"] - time_of["submitted"]).total_seconds()
    print_line(f"\nFrom POST to completed: {total:.1f} s")
    print_line(f"  elastic-blast submit       {submit:5.1f} s")
    print_line(f"  Jobs on the cluster        {cluster:5.1f} s")
    print_line(f"  the control plane itself   {total - submit - cluster:5.1f} s")
    print_line(f"  (plain blastn, one process: {blastn_seconds:.1f} s)")
