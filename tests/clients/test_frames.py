"""Hits as DataFrames of the real pandas and polars, which an environment of their own has."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.examples_env import program

PACKAGE = Path(__file__).parents[2] / "clients/python"
PROGRAM = """
import asyncio, json, sys
import httpx
from elastic_blast_client import AsyncClient, Client

library, form, pages = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def answer(request):
    assert request.url.params["max_evalue"] == "1e-05"
    page = int(request.url.params["page"])
    return httpx.Response(200, json={"alignments": pages[page - 1], "pages": len(pages)})

async def ask():
    async with AsyncClient("http://x", transport=httpx.MockTransport(answer)) as client:
        return await getattr(client, f"hits_{library}")("job-1", max_evalue=1e-5)

if form == "async":
    frame = asyncio.run(ask())
else:
    with Client("http://x", transport=httpx.MockTransport(answer)) as client:
        frame = getattr(client, f"hits_{library}")("job-1", max_evalue=1e-5)
types = {name: str(frame[name].dtype) for name in frame.columns}
is_strong = frame["evalue"] < 1e-20
strong = frame[is_strong] if library == "pandas" else frame.filter(is_strong)
if library == "pandas":
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
else:
    rows = frame.to_dicts()
print(json.dumps({"types": types, "rows": rows, "strong": len(strong)}))
"""
HIT: dict[str, Any] = {
    "qseqid": "q",
    "sseqid": "s",
    "pident": 99.5,
    "length": 40,
    "mismatch": 1,
    "gapopen": 0,
    "qstart": 1,
    "qend": 40,
    "sstart": 5,
    "send": 44,
    "evalue": 1e-180,
    "bitscore": 80.0,
    "query": 1,
    "source_blob": "batch_000.out",
}
TYPES = {
    "pandas": {str: "string", int: "Int64", float: "float64"},
    "polars": {str: "String", int: "Int64", float: "Float64"},
}
CASES: dict[str, list[list[dict[str, Any]]]] = {
    "no-hits": [[]],
    "one-page": [[HIT, HIT | {"evalue": 0.001}]],
    "pages": [[HIT] * 200, [HIT] * 3],
    "absent": [[HIT | {"length": None, "evalue": None, "sseqid": None}] * 2],
    "absent-at-first": [[HIT | {"length": None, "evalue": None}] * 200, [HIT]],
    "whole-numbers-first": [[HIT | {"bitscore": 80, "qcovs": 100}] * 200, [HIT | {"qcovs": 0.5}]],
    "further-columns": [[HIT], [HIT | {"staxids": "9606", "qlen": 40}]],
}


@pytest.mark.acceptance
@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("form", ["sync", "async"])
@pytest.mark.parametrize("case", CASES)
def test_hits_are_a_dataframe_with_the_same_types(library: str, form: str, case: str) -> None:
    pages = CASES[case]
    argv = [program("python"), "-c", PROGRAM, library, form, json.dumps(pages)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=PACKAGE)
    assert ended.returncode == 0, ended.stderr
    made = json.loads(ended.stdout)
    expected = [row for page in pages for row in page]
    names = {name for row in [HIT, *expected] for name in row}
    assert made["rows"] == [{name: row.get(name) for name in names} for row in expected]
    assert set(made["types"]) == names
    types = {name: TYPES[library][type(value)] for name, value in HIT.items()}
    assert {name: made["types"][name] for name in HIT} == types
    assert made["strong"] == sum((row["evalue"] or 1) < 1e-20 for row in expected)
