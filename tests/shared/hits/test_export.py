"""Exports equal what BLAST+ writes, and are safe in a spreadsheet."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from shared.hits.export import FORMATS, TextExport
from shared.hits.filters import Filter
from shared.hits.segment import SourceFile, build_segment
from tests.shared.hits.blast import Blast
from tests.shared.hits.reading import all_rows, opened


def exported(
    data: bytes,
    outfmt: str,
    kind: str,
    folder: Path,
    wanted: Filter = Filter(),  # noqa: B008
) -> str:
    source = SourceFile(0, "f", "", lambda: [data])
    with opened([build_segment([source], outfmt, folder)]) as database:
        export = TextExport(database, FORMATS[kind], "job-1", wanted)
        return b"".join(export.pieces()).decode()


@pytest.mark.parametrize("program", ["blastn", "blastp", "blastx", "tblastn", "tblastx"])
@pytest.mark.parametrize("outfmt", ["6", pytest.param("7", marks=pytest.mark.acceptance)])
def test_tsv_is_what_blast_writes(blast: Blast, program: str, outfmt: str, tmp_path: Path) -> None:
    query = "some_peptides" if program in ("blastp", "tblastn") else "odd_dna"
    columns = "qaccver saccver pident ppos length evalue bitscore staxids qcovs sstrand stitle"
    data = blast.search(program, query, f"{outfmt} {columns}", "-evalue", "100")
    rows = [line for line in data.decode().splitlines(True) if not line.startswith("# ")]
    head, *lines = exported(data, f"{outfmt} {columns}", "tsv", tmp_path).splitlines(True)
    assert head.split() == ["qseqid", "sseqid", *columns.split()[2:]]
    assert lines == rows
    assert len(rows) > 50


def test_tsv_has_the_large_bit_scores_of_blast(tmp_path: Path) -> None:
    line = "q\t2.216e+05\t99999\t1.05e-180\n".replace("99999\t", "")
    assert exported(line.encode(), "6 qseqid bitscore evalue", "tsv", tmp_path) == (
        "qseqid\tbitscore\tevalue\n" + line
    )


def test_tsv_is_never_quoted(tmp_path: Path) -> None:
    line = '5"-primer\t"x", y\t0.0\n'
    text = exported(line.encode(), "6 qseqid stitle evalue", "tsv", tmp_path)
    assert text.splitlines(True)[1] == line


def test_failure_40_a_formula_in_a_cell_is_escaped(tmp_path: Path) -> None:
    names = ["=cmd|'/c calc'!A0", "+1", "-1+2", "@SUM(A1)", '=HYPERLINK("http://x","y")', "a,b"]
    text = "".join(f"{name}\t-1\t1e-05\n" for name in names)
    outfmt = "6 qseqid qframe evalue"
    rows = list(csv.DictReader(io.StringIO(exported(text.encode(), outfmt, "csv", tmp_path))))
    assert [row["qseqid"] for row in rows] == [*(f"'{name}" for name in names[:-1]), "a,b"]
    assert {row["evalue"] for row in rows} == {"1e-05"}
    assert {row["qframe"] for row in rows} == {"-1"}
    assert {row["sseqid"] for row in rows} == {""}


@pytest.mark.parametrize("kind", ["json", "json-seqalign", "jsonl"])
@pytest.mark.parametrize("minimum", [0, 90, 101])
def test_json_has_one_object_for_each_hit(
    blast: Blast, kind: str, minimum: float, tmp_path: Path
) -> None:
    data = blast.search("blastn", "odd_dna", "5")
    text = exported(data, "5", kind, tmp_path / kind, Filter(min_identity=minimum))
    source = SourceFile(0, "f", "", lambda: [data])
    with opened([build_segment([source], "5", tmp_path / "rows")]) as database:
        expected = [
            {name: row[name] for name in database.columns}
            for row in all_rows(database)
            if row["pident"] >= minimum
        ]
    if kind == "jsonl":
        found = [json.loads(line) for line in text.splitlines()]
    else:
        whole = json.loads(text)
        found = whole["hits" if kind == "json" else "seq_alignments"]
        assert (whole["job_id"], whole["returned"]) == ("job-1", len(found))
        assert whole["truncated"] is False
    assert found == expected
    assert bool(found) is (minimum < 101)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_has_every_hit_once_and_in_order(kind: str, tmp_path: Path) -> None:
    text = "".join(f"q{number}\ts\n" for number in range(12_000)).encode()
    found = exported(text, "6 qseqid sseqid", kind, tmp_path)
    assert re.findall(r"\bq\d+\b", found) == [f"q{number}" for number in range(12_000)]
    if kind == "json":
        assert json.loads(found)["total"] == 12_000


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_without_hits_is_whole(kind: str, tmp_path: Path) -> None:
    text = exported(b"", "6", kind, tmp_path)
    if kind.startswith("json") and kind != "jsonl":
        assert json.loads(text)["returned"] == 0
    else:
        assert len(text.splitlines()) == (0 if kind == "jsonl" else 1)
