"""Reports of several result files, joined: the same as one run of BLAST+ writes."""

import gzip

import pytest

from shared.hits.convert import Chunks
from shared.hits.errors import Unreadable
from shared.hits.reports import LONGEST_FOOT, REPORTS, join_reports, refuse_other_outfmt
from tests.shared.hits.blast import Blast


def joined(form: str, *files: bytes, size: int = 10**6) -> bytes:
    def opened(data: bytes) -> Chunks:
        return lambda: (data[at : at + size] for at in range(0, len(data), size))

    return b"".join(join_reports(form, [opened(data) for data in files]))


def in_batches(blast: Blast, query: str, *sizes: int) -> list[str]:
    """The names of files with so many of the queries each."""
    records = ("\n" + (blast.folder / f"{query}.fa").read_text()).split("\n>")[1:]
    names = []
    for number, size in enumerate(sizes):
        batch, records = records[:size], records[size:]
        text = "".join(f">{record.strip()}\n" for record in batch)
        names.append(f"{query}-batch-{number}")
        (blast.folder / f"{names[-1]}.fa").write_text(text)
    assert not records
    return names


@pytest.mark.parametrize("size", [64, 10**6], ids=["small chunks", "large chunks"])
def test_xml_of_batches_is_that_of_one_search(blast: Blast, size: int) -> None:
    whole = blast.search("blastn", "odd_dna", "5")
    files = [blast.search("blastn", name, "5") for name in in_batches(blast, "odd_dna", 3, 1, 5)]
    packed = [gzip.compress(files[0]), files[1], gzip.compress(files[2])]
    assert joined("xml", *packed, size=size) == whole
    assert joined("xml", whole, size=size) == whole


def test_xml_is_valid_utf8(blast: Blast) -> None:
    whole = blast.search("blastn", "odd_dna", "5")
    latin = whole.replace(b"minus strand", b"42 \xb0C strand")
    assert b"\xb0" in latin
    assert "42 °C strand" in joined("xml", latin, latin).decode()


def test_texts_follow_each_other(blast: Blast) -> None:
    files = [blast.search("blastn", name, "0") for name in in_batches(blast, "odd_dna", 4, 5)]
    assert joined("text", gzip.compress(files[0]), files[1]) == b"".join(files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[: len(data) // 2], "breaks off"),
        (lambda data: gzip.compress(data)[:-9], "truncated"),
        (lambda data: data + b"x" * LONGEST_FOOT, "goes on after the end"),
        (lambda data: data * 2, "goes on after the end"),
    ],
    ids=["half", "cut gzip", "longer", "twice"],
)
def test_failure_40_damaged_xml_is_not_joined(blast: Blast, change, message: str) -> None:  # type: ignore[no-untyped-def]
    whole = blast.search("blastn", "odd_dna", "5")
    with pytest.raises(Unreadable, match=message):
        joined("xml", whole, change(whole))


@pytest.mark.parametrize("kept", [0.2, 0.7, 0.95])
def test_failure_40_a_text_that_breaks_off_is_not_joined(blast: Blast, kept: float) -> None:
    whole = blast.search("blastn", "odd_dna", "0")
    cut = whole[: int(kept * whole.rindex(b"Matrix: "))]
    with pytest.raises(Unreadable, match="breaks off"):
        joined("text", cut, whole)


@pytest.mark.parametrize(
    "program", ["blastn", "blastp", "blastx", "tblastn", "tblastx", "psiblast"]
)
def test_the_text_of_each_program_is_whole(blast: Blast, program: str) -> None:
    query = "odd_dna" if program in ("blastn", "blastx", "tblastx") else "some_peptides"
    whole = blast.search(program, query, "0", "-evalue", "1e-20")
    assert joined("text", whole) == whole


@pytest.mark.parametrize("form", REPORTS)
def test_a_report_that_blast_did_not_write_is_refused(form: str) -> None:
    refuse_other_outfmt(form, REPORTS[form].outfmt)
    for outfmt in ("7 std qseq", "11"):
        with pytest.raises(Unreadable, match=f"run it again with outfmt {REPORTS[form].outfmt}"):
            refuse_other_outfmt(form, outfmt)
