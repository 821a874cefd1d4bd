"""The demo: one real search over HTTP, to its hits, which are compared with BLAST by hand."""

import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from local.demo.client import Api
from local.demo.following import has_ended, until
from local.demo.hits import best, by_hand, rows_of
from local.demo.queries import (
    DEMO_BATCH_LEN,
    DEMO_DATABASE,
    DEMO_FASTA,
    DEMO_OPTIONS,
    DEMO_PROGRAM,
    demo_queries,
)
from local.demo.screen import ProgressLine, hits_table, say
from local.elastic_blast import Environment
from local.elastic_blast.databases import make_database, upload_database

PATIENCE = 300.0
"""Seconds that the demo's search may take; it takes about five."""


class DemoFailed(Exception):
    """The search did not end well, or its hits are not those of BLAST by hand."""


def demo_request() -> dict[str, Any]:
    """The body of the demo's submission."""
    return {
        "program": DEMO_PROGRAM,
        "db": DEMO_DATABASE,
        "query_data": demo_queries(),
        "batch_len": DEMO_BATCH_LEN,
        "job_title": "20 slipper orchids against 94",
        "additional_options": DEMO_OPTIONS,
    }


def show_demo(api: Api, world: Environment) -> None:
    """Make the search and show it. Raises DemoFailed."""
    say(f"\nPutting the database {DEMO_DATABASE} in place")
    upload_database(DEMO_FASTA, DEMO_DATABASE, world)
    say("Searching: POST /api/blast/jobs\n")
    progress = ProgressLine()
    began = time.monotonic()
    accepted = api.submit(demo_request())
    job = until(api, accepted["job_id"], has_ended, PATIENCE, progress.show)
    total = time.monotonic() - began
    progress.end()
    if job["status"] != "completed":
        raise DemoFailed(f"the search ended as {job['phase']}: {job.get('error')}")
    rows = rows_of(api.files(job["job_id"]))
    _show_results(rows, job)
    _show_times(api.events(job["job_id"]), total, _compared(rows))


def _show_results(rows: Sequence[str], job: dict[str, Any]) -> None:
    say(f"\n{len(rows)} hits; the best of each query that is not the query itself:\n")
    hits_table(best(rows))
    say(f"\nThe results lie at {job['results_prefix']}")


def _compared(rows: Sequence[str]) -> float:
    """Compare with one blastn by hand, all rows in order; the seconds that it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_database(DEMO_FASTA, folder / DEMO_DATABASE)
        (folder / "queries.fa").write_text(demo_queries())
        expected, seconds = by_hand(folder / DEMO_DATABASE, folder / "queries.fa", DEMO_OPTIONS)
    if list(rows) != expected:
        raise DemoFailed(f"{len(rows)} hits differ from the {len(expected)} of blastn by hand")
    say(f"They equal those of one blastn by hand: all {len(expected)} rows, in order.")
    return seconds


def _show_times(events: Sequence[dict[str, Any]], total: float, by_hand_took: float) -> None:
    """Where the time went: elastic-blast's part, the cluster's, and what the control plane adds."""
    at = {event["event"]: datetime.fromisoformat(event["timestamp"]) for event in events}
    submit = next(e["payload"]["took_seconds"] for e in events if e["event"] == "submitted")
    cluster = (at["exporting_results"] - at["submitted"]).total_seconds()
    say(f"\nFrom POST to completed: {total:.1f} s")
    say(f"  elastic-blast submit       {submit:5.1f} s")
    say(f"  Jobs on the cluster        {cluster:5.1f} s")
    say(f"  the control plane's own    {total - submit - cluster:5.1f} s")
    say(f"  (blastn by hand, one process: {by_hand_took:.1f} s)")
