"""The programs of docs/examples, as their users start them, against the running app.

test_url_api.py runs Biopython's and test_queue.py those for the queue. Nextflow is not run here.
"""

import base64
import csv
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.demo.queries import DEMO_DATABASE, demo_queries
from tests.clients.examples_env import BIN, program
from tests.end_to_end.conftest import StackFixture
from tests.support.by_hand import by_hand

pytestmark = pytest.mark.acceptance
EXAMPLES = Path(__file__).parents[2] / "docs/examples"
RECORDS = [f">{record.strip()}\n" for record in demo_queries().removeprefix(">").split("\n>")]
DEFAULTS = ("-evalue", "1e-9")
PNG = b"\x89PNG\r\n"


def start(
    folder: Path, *argv: str, is_ok: bool = True, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program in a folder, with the programs of the examples' environment."""
    known = {"PATH": f"{BIN}:{os.defpath}", "HOME": str(folder), "LC_ALL": "C.UTF-8"} | env
    ended = subprocess.run(argv, cwd=folder, env=known, capture_output=True, text=True, timeout=110)
    assert not is_ok or ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def job_count(system: StackFixture) -> int:
    return len(system.api.jobs(limit=200)["jobs"])


def pairs(rows: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(row["qseqid"], row["sseqid"]) for row in rows}


def pairs_by_hand(folder: Path, queries: str) -> set[tuple[str, str]]:
    """The queries and subjects that one BLAST+ finds with the options of the examples."""
    outfmt = "6 qseqid sseqid"
    found = by_hand(folder, queries, *DEFAULTS, outfmt=outfmt, task="megablast")
    return {(query, subject) for query, subject in map(str.split, found.splitlines())}


def test_curl_prints_the_hits(system: StackFixture, tmp_path: Path) -> None:
    (tmp_path / "query.fa").write_text("".join(RECORDS[:3]))
    script = str(EXAMPLES / "search.sh")
    ended = start(tmp_path, "sh", script, system.stack.url, DEMO_DATABASE, "query.fa")
    assert ended.stdout == by_hand(tmp_path, "".join(RECORDS[:3]), outfmt="10") != ""


def test_curl_shows_a_refusal_and_a_failure(system: StackFixture, tmp_path: Path) -> None:
    script = str(EXAMPLES / "search.sh")
    (tmp_path / "query.fa").write_text("NM_000546\n")
    argv = ("sh", script, system.stack.url)
    refused = start(tmp_path, *argv, DEMO_DATABASE, "query.fa", is_ok=False)
    assert refused.returncode == 2 and "QUERY: is an accession" in refused.stderr
    (tmp_path / "query.fa").write_text(RECORDS[0])
    failed = start(tmp_path, *argv, "no_such_database", "query.fa", is_ok=False)
    assert (failed.returncode, failed.stdout) == (3, "")
    assert failed.stderr == "the search is FAILED\n"


def test_snakemake_searches_each_file_once(system: StackFixture, tmp_path: Path) -> None:
    """Also if its hits are removed, and if it is started again when nothing is to do."""
    (tmp_path / "queries").mkdir()
    for name, record in zip("ab", RECORDS[:2], strict=True):
        (tmp_path / f"queries/{name}.fa").write_text(record)
    argv: tuple[str, ...] = (
        program("snakemake"),
        "--cores",
        "1",
        "--snakefile",
        str(EXAMPLES / "Snakefile"),
    )
    argv += ("--config", f"server={system.stack.url}")
    before = job_count(system)
    start(tmp_path, *argv)
    for name, record in zip("ab", RECORDS[:2], strict=True):
        with (tmp_path / f"hits/{name}.csv").open() as file:
            assert pairs(list(csv.DictReader(file))) == pairs_by_hand(tmp_path, record) != set()
    (tmp_path / "hits/a.csv").unlink()
    start(tmp_path, *argv)
    assert (tmp_path / "hits/a.csv").exists()
    assert "Nothing to be done" in start(tmp_path, *argv).stderr
    assert job_count(system) == before + 2


def test_nextflow_submits_as_snakemake_does() -> None:
    """The commands of both are the same; Nextflow's engine cannot be had here."""

    def commands(name: str) -> list[str]:
        text = (EXAMPLES / name).read_text()
        found = re.findall(r"blastctl --url \S+ (\w+) (?:.*?)((?: -\S+ \S+)*)", text)
        return [" ".join(each) for each in found]

    assert commands("blast.nf") == commands("Snakefile")
    assert [command.split()[0] for command in commands("blast.nf")] == ["submit", "wait", "fetch"]


def test_the_notebook_draws_the_hits(system: StackFixture, tmp_path: Path) -> None:
    (tmp_path / "query.fa").write_text("".join(RECORDS[:2]))
    argv: tuple[str, ...] = (program("jupyter-execute"), str(EXAMPLES / "draw_hits.ipynb"))
    argv += ("--output", str(tmp_path / "done.ipynb"))
    start(tmp_path, *argv, BLASTCTL_URL=system.stack.url, QUERY=str(tmp_path / "query.fa"))
    cells = json.loads((tmp_path / "done.ipynb").read_text())["cells"]
    shown: list[dict[str, Any]] = [each for cell in cells for each in cell.get("outputs", ())]
    [picture] = [data for each in shown if (data := each.get("data", {}).get("image/png"))]
    assert base64.b64decode(picture).startswith(PNG)
    [table] = [
        each["data"]["text/plain"]
        for each in shown
        if each["output_type"] == "execute_result"
        and "best_evalue" in "".join(each["data"]["text/plain"])
    ]
    found = pairs_by_hand(tmp_path, "".join(RECORDS[:2]))
    for query in {query for query, _ in found}:
        count = len({subject for name, subject in found if name == query})
        assert re.search(rf"^{re.escape(query)} +{count} ", "".join(table), re.M)


def test_a_notebook_is_kept_without_outputs() -> None:
    for path in EXAMPLES.glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        assert code and all(cell["outputs"] == [] for cell in code)
        assert all(cell["execution_count"] is None for cell in code)
