"""What BLAST+ writes, to the letter: titles, counts of hits, missing values, large numbers."""

from pathlib import Path
from typing import Any

import pytest

from shared.hits.errors import Unreadable
from shared.hits.segment import SourceFile
from tests.shared.hits.blast import Blast
from tests.shared.hits.reading import all_rows, build, hits, opened

HEAD = "# BLASTN 2.12.0+\n# Query: a\n# Database: db\n"
END = "# BLAST processed 1 queries\n"
ROW = "q1\ts1\t98.5\t100\t1\t0\t1\t100\t5\t104\t1e-40\t180\n"


def rows(text: str | bytes, outfmt: str, folder: Path) -> list[dict[str, Any]]:
    data = text.encode() if isinstance(text, str) else text
    with opened([build([SourceFile(0, "f", "", lambda: [data])], outfmt, folder)]) as database:
        return all_rows(database)


def test_a_title_that_looks_like_a_comment_is_a_hit(tmp_path: Path) -> None:
    text = (
        HEAD + "# Fields: subject title, evalue\n# 2 hits found\n"
        "# odd title\t8.46e-107\nplain title\t1.53e-49\n# BLAST processed 1 queries\n"
    )
    found = rows(text, "7 stitle evalue", tmp_path)
    assert [(row["stitle"], row["evalue"]) for row in found] == [
        ("# odd title", 8.46e-107),
        ("plain title", 1.53e-49),
    ]


@pytest.mark.parametrize("title", ["# BLASTN", "# Query: x", "# 3 hits found", "# Fields: evalue"])
def test_a_title_may_be_any_comment_of_blast(title: str, tmp_path: Path) -> None:
    text = HEAD + f"# Fields: subject title, evalue\n# 3 hits found\n{title}\t1\nb\t2\n{title}\t3\n"
    found = rows(text + "# BLAST processed 1 queries\n", "7 stitle evalue", tmp_path)
    assert [row["stitle"] for row in found] == [title, "b", title]


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (3, "line 5 of the file says 3 hits found, and 2 follow"),
        (1, "line 7 of the file is beyond the hits that its table has"),
        (0, "line 6 of the file is beyond the hits that its table has"),
    ],
)
def test_the_number_of_hits_is_checked_against_the_rows(count: int, message: str) -> None:
    fields = "# Fields: query acc.ver, evalue\n"
    text = f"{HEAD}{fields}# {count} hits found\nq\t1\nq\t2\n"
    with pytest.raises(Unreadable, match=message):
        hits([text.encode()], "7 qaccver evalue")


def test_other_columns_in_the_middle_of_a_file_are_refused() -> None:
    text = HEAD + "# Fields: query acc.ver, evalue\n# 1 hits found\nq\t1\n"
    other = HEAD + "# Fields: evalue, query acc.ver\n# 1 hits found\n1\tq\n"
    with pytest.raises(Unreadable, match="line 10 of the file has other columns"):
        hits([(text + other).encode()], "7")


@pytest.mark.parametrize("outfmt", ["6", "7", "5"])
def test_titles_in_latin_1_are_read_as_blast_wrote_them(
    blast: Blast, outfmt: str, tmp_path: Path
) -> None:
    columns = " stitle qseqid evalue" if outfmt != "5" else ""
    data = blast.search("blastn", "odd_dna", outfmt + columns)
    title = "growth at 37 \xb0C"
    name = b"C.fasciculatum"
    assert name in data
    for encoding in ("latin-1", "utf-8"):
        changed = data.replace(name, title.encode(encoding))
        found = rows(changed, outfmt + columns, tmp_path / encoding)
        assert any(title in str(row["stitle"]) for row in found)
        assert len(found) == len(rows(data, outfmt + columns, tmp_path / "plain"))


def test_an_encoding_that_xml_declares_is_used(blast: Blast, tmp_path: Path) -> None:
    data = blast.search("blastn", "odd_dna", "5")
    declared = data.replace(
        b'<?xml version="1.0"?>', b'<?xml version="1.0" encoding="ISO-8859-1"?>'
    )
    assert declared != data
    found = rows(declared.replace(b"C.fasciculatum", b"\xc3\xb0"), "5", tmp_path)
    assert any("\xc3\xb0" in str(row["stitle"]) for row in found)


def test_missing_values_and_large_numbers_are_read(tmp_path: Path) -> None:
    outfmt = "6 qseqid sseqid bitscore staxids staxid sstrand qcovs qframe sframe evalue"
    lines = (
        "q s 1e+05 N/A N/A N/A N/A -3 0 0.0",
        "q s 2.216e+05 9606;10090 9606 plus 99 1 -1 5",
    )
    text = "".join(line.replace(" ", "\t") + "\n" for line in lines)
    first, second = rows(text, outfmt, tmp_path)
    assert (first["bitscore"], first["qframe"], first["evalue"]) == (1e5, -3, 0.0)
    assert (first["staxids"], first["staxid"], first["sstrand"]) == ("N/A", None, "N/A")
    assert first["qcovs"] is None
    assert (second["bitscore"], second["staxids"], second["staxid"]) == (221600, "9606;10090", 9606)
    assert (second["sstrand"], second["qcovs"], second["sframe"]) == ("plus", 99, -1)


@pytest.mark.parametrize(
    ("column", "value"),
    [("length", "12.5"), ("evalue", "inf"), ("bitscore", "nan"), ("length", "3000000000")],
)
def test_a_wrong_value_is_reported_with_its_line(column: str, value: str) -> None:
    text = f"q\t1\nq\t{value}\nq\t3\n".encode()
    with pytest.raises(Unreadable, match=f"line 2 of the file is not a hit: '{value}'.*{column}"):
        hits([text], f"6 qseqid {column}")


def test_quotes_and_commas_in_tables_are_letters(tmp_path: Path) -> None:
    text = '5"-primer\t"a, b"\t1\n'
    (row,) = rows(text, "6 qseqid stitle evalue", tmp_path)
    assert (row["qseqid"], row["stitle"]) == ('5"-primer', '"a, b"')


def test_every_further_column_is_kept_under_its_name(blast: Blast, tmp_path: Path) -> None:
    columns = (
        "qaccver sseqid stitle staxids sscinames score nident btop frames qcovs qcovhsp qcovus"
    )
    data = blast.search("blastp", "some_peptides", f"6 {columns}")
    found = rows(data, f"6 {columns}", tmp_path)
    expected = [line.split("\t") for line in data.decode().splitlines()]
    assert len(found) == len(expected) > 50
    names = ["qseqid", *columns.split()[1:]]
    assert [["" if row[name] is None else str(row[name]) for name in names] for row in found] == [
        [
            "" if value == "N/A" and name not in ("staxids", "sscinames") else value
            for name, value in zip(names, line, strict=True)
        ]
        for line in expected
    ]


@pytest.mark.parametrize("megabytes", [4, 9, 16])
@pytest.mark.parametrize("outfmt", ["6", "7"])
def test_a_long_line_is_read(outfmt: str, megabytes: int, tmp_path: Path) -> None:
    letters = "ACGT" * (megabytes * 250_000)
    text = f"q\ts\t{letters}\nq\tt\tACGT\n"
    head = HEAD + "# Fields: query id, subject id, query seq\n# 2 hits found\n"
    text = text if outfmt == "6" else head + text + END
    found = rows(text, f"{outfmt} qseqid sseqid qseq", tmp_path)
    assert [row["qseq"] for row in found] == [letters, "ACGT"]


def test_xml_has_what_tables_have(blast: Blast, tmp_path: Path) -> None:
    """The columns beyond those of the other suites."""
    names = "sacc slen nident positive gaps qframe sframe score"
    table = rows(
        blast.search("tblastn", "some_peptides", f"6 {names}"), f"6 {names}", tmp_path / "table"
    )
    document = rows(blast.search("tblastn", "some_peptides", "5"), "5", tmp_path / "document")
    compared = [name for name in names.split() if name not in ("sacc", "qframe")]
    assert [[row[name] for name in compared] for row in document] == [
        [row[name] for name in compared] for row in table
    ]
    assert all(len(str(row["midline"])) == row["length"] for row in document)


def test_columns_may_have_the_names_of_the_index_and_may_be_repeated(tmp_path: Path) -> None:
    fields = "# Fields: query id, query, coverage, foo bar, foo bar\n# 1 hits found\n"
    (row,) = rows(HEAD + fields + "q\ta\tb\tc\td\n" + END, "7", tmp_path)
    names = ("qseqid", "query_2", "coverage_2", "foo_bar", "foo_bar_2")
    assert [row[name] for name in names] == ["q", "a", "b", "c", "d"]
    assert row["query"] == 1


def test_a_query_without_an_element_for_hits_is_counted(tmp_path: Path) -> None:
    def iteration(number: int) -> str:
        return (
            f"<Iteration><Iteration_query-ID>Query_{number}</Iteration_query-ID>"
            f"<Iteration_query-def>q{number}</Iteration_query-def>"
            "<Iteration_query-len>9</Iteration_query-len></Iteration>"
        )

    text = f"<BlastOutput>{iteration(1)}{iteration(2)}</BlastOutput>".encode()
    built = build([SourceFile(0, "a file", "", lambda: [text])], "5", tmp_path)
    assert built.segment.queries == 2
