"""Exports of hits over HTTP."""

import csv
import io

import pytest

from shared.hits.columns import STANDARD
from tests.triggers.conftest import Store, refused
from tests.triggers.http.test_hits import FILES
from triggers.http.hits import handlers


@pytest.mark.parametrize(
    ("kind", "delimiter", "mimetype"),
    [
        *(("csv", ",", "text/csv"), ("tsv", "\t", "text/tab-separated-values")),
        *(
            ("hit-table-csv", ",", "text/csv"),
            ("hit-table-text", "\t", "text/tab-separated-values"),
        ),
    ],
)
async def test_tables_have_all_hits_of_all_files(
    store: Store, kind: str, delimiter: str, mimetype: str
) -> None:
    stored = await store.completed(FILES)
    answer = await store.ask(handlers.export_hits, stored, format=kind)
    rows = list(csv.reader(io.StringIO(answer.get_body().decode()), delimiter=delimiter))
    assert tuple(rows[0]) == STANDARD
    assert [(*result[:2], float(result[2])) for result in rows[1:]] == [
        *(("q1", "s1", 100), ("q1", "s2", 71.5), ("q2", "s1", 98.5), ("q3", "s3", 90)),
    ]
    assert answer.mimetype == mimetype
    assert answer.headers["x-blast-truncated"] == "false"
    suffix = "csv" if delimiter == "," else "tsv"
    assert f'filename="{stored.job_id}.{suffix}"' in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("kind", ["ncbi-hit-table-csv", "ncbi-hit-table-text", "ncbi-report-text"])
async def test_descriptions_have_a_row_for_each_query_and_subject(store: Store, kind: str) -> None:
    text = (
        "q\ts\t=cmd()\t90\t100\t1\t50\t1e-9\t100\tHomo sapiens\t9606\t500\n"
        "q\ts\t=cmd()\t80\t100\t41\t60\t1e-3\t50\tHomo sapiens\t9606\t500\n"
        "q\tt\tother\t70\t100\t1\t10\t0.02\t40\tN/A\tN/A\t600\n"
    )
    outfmt = "6 qseqid sseqid stitle pident qlen qstart qend evalue bitscore sscinames staxids slen"
    one = await store.completed({"batch_000-blastn-db.out.gz": text.encode()}, outfmt)
    answer = await store.ask(handlers.export_hits, one, format=kind)
    lines = answer.get_body().decode().splitlines()
    head = next(at for at, line in enumerate(lines) if line.startswith("Description"))
    delimiter = "," if kind.endswith("csv") else "\t"
    rows = list(csv.reader(lines[head:], delimiter=delimiter))
    title = "'=cmd()" if delimiter == "," else "=cmd()"
    assert rows[1:] == [
        [title, "Homo sapiens", "", "9606", "100", "150", "60%", "1.00e-09", "90.00%", "500", "s"],
        ["other", "", "", "", "40", "40", "10%", "0.02", "70.00%", "600", "t"],
    ]
    assert (head > 0) is (kind == "ncbi-report-text")


async def test_parquet_has_the_hits_of_the_filter(store: Store) -> None:
    import duckdb

    answer = await store.ask(
        handlers.export_hits, await store.completed(FILES), format="parquet", query_id="q1"
    )
    assert answer.get_body()[:4] == b"PAR1"
    assert answer.headers["x-blast-hits"] == "2"
    assert duckdb.__version__


async def test_an_unknown_export_format_is_refused(store: Store) -> None:
    answer = await store.ask(handlers.export_hits, await store.completed(FILES), format="xlsx")
    assert refused(answer) == (422, "validation_error")
