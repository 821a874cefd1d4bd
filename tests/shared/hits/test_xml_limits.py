"""The XML of batches as clients of the URL API get it equals that of one batch."""

import gzip
import tracemalloc
from collections.abc import Iterator
from functools import partial
from io import BytesIO

import pytest
from Bio import SearchIO

from shared.hits.convert import Chunks
from shared.hits.errors import Unreadable
from shared.hits.reports import join_xml
from shared.hits.xml_limits import limit_subjects
from tests.shared.hits.blast import Blast

HEAD = b"""<?xml version="1.0"?>
<BlastOutput>
<BlastOutput_iterations>
"""
TAIL = b"</BlastOutput_iterations>\n</BlastOutput>\n\n"


def query(number: int, titles: list[str], name: str = "") -> bytes:
    hits = "".join(
        f"<Hit>\n  <Hit_num>{n}</Hit_num>\n  <Hit_def>{title}</Hit_def>\n</Hit>\n"
        for n, title in enumerate(titles, 1)
    )
    return (
        f"<Iteration>\n  <Iteration_iter-num>{number}</Iteration_iter-num>\n"
        f"  <Iteration_query-ID>{name or f'Query_{number}'}</Iteration_query-ID>\n"
        f"<Iteration_hits>\n{hits}</Iteration_hits>\n</Iteration>\n"
    ).encode()


def joined(*files: bytes, most: int | None = None) -> bytes:
    packed: list[Chunks] = [partial(list, [gzip.compress(file)]) for file in files]
    return b"".join(limit_subjects(join_xml(packed), most))


@pytest.mark.parametrize(
    ("program", "queries"),
    [("blastn", "odd_dna"), ("blastp", "some_peptides"), ("blastn", "nothing")],
    ids=["blastn", "blastp", "no-hits"],
)
@pytest.mark.parametrize("size", [1, 3], ids=["one-a-batch", "three-a-batch"])
def test_joined_batches_equal_one_batch(
    blast: Blast, program: str, queries: str, size: int
) -> None:
    records = (blast.folder / f"{queries}.fa").read_text().removeprefix(">").split("\n>")
    batches = [records[at : at + size] for at in range(0, len(records), size)]
    files = []
    for number, batch in enumerate(batches):
        name = f"{queries}_{size}_{number}"
        (blast.folder / f"{name}.fa").write_text("".join(f">{record}\n" for record in batch))
        files.append(blast.search(program, name, "5"))
    assert len(files) >= (1 if queries == "nothing" else 3)
    assert joined(*files) == blast.search(program, queries, "5")


def test_one_file_is_kept_byte_by_byte(blast: Blast) -> None:
    whole = blast.search("blastn", "odd_dna", "5")
    assert joined(whole) == whole


@pytest.mark.parametrize(("most", "kept"), [(None, 6), (2, 4), (1, 2), (0, 0)])
def test_the_subjects_of_each_query_are_cut(most: int | None, kept: int) -> None:
    file = HEAD + query(1, ["a", "b", "c"]) + query(2, ["d", "e", "f"]) + TAIL
    text = joined(file, most=most)
    assert text.count(b"<Hit>") == text.count(b"</Hit>") == kept
    assert text.count(b"<Iteration_hits>") == text.count(b"</Iteration_hits>") == 2


def test_a_title_cannot_look_like_a_waiting_page() -> None:
    text = joined(HEAD + query(1, ["Status=WAITING"]) + TAIL)
    assert b"Status=" not in text and b"Status&#61;WAITING" in text


def test_biopython_reads_the_joined_document(blast: Blast) -> None:
    whole = blast.search("blastn", "odd_dna", "5")
    found = list(SearchIO.parse(BytesIO(joined(whole, whole)), "blast-xml"))
    assert len(found) == 2 * len(list(SearchIO.parse(BytesIO(whole), "blast-xml")))


WHOLE = HEAD + query(1, ["a"]) + TAIL
DAMAGED = {
    "empty": b"",
    "text": b"BLASTN 2.12.0+\n",
    "no-queries": HEAD.removesuffix(b"<BlastOutput_iterations>\n"),
    "cut-in-a-line": WHOLE[:-10],
    "cut-after-a-query": WHOLE.removesuffix(TAIL),
    "cut-before-the-end": WHOLE.removesuffix(b"</BlastOutput>\n\n"),
    "goes-on": WHOLE + b"<more/>\n",
    "two-documents": WHOLE + WHOLE,
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
def test_a_damaged_file_is_refused(name: str, is_first: bool) -> None:
    files = [DAMAGED[name], WHOLE] if is_first else [WHOLE, DAMAGED[name]]
    with pytest.raises(Unreadable) as caught:
        joined(*files)
    assert caught.value.code == "file_damaged"


@pytest.mark.acceptance
@pytest.mark.timeout(600)  # each allocation is traced
def test_a_gigabyte_is_joined_in_flat_memory() -> None:
    part = query(1, ["a title of a subject " * 3] * 1000)
    wanted = 1024**3

    def file(size: int) -> Iterator[bytes]:
        yield HEAD
        for _ in range(size // len(part)):
            yield part
        yield TAIL

    tracemalloc.start()
    sizes = []
    for size in (wanted // 64, wanted):
        tracemalloc.reset_peak()
        files = [partial(file, size // 4)] * 4
        total = sum(map(len, limit_subjects(join_xml(files), 10**9)))
        assert total > 0.99 * size
        sizes.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert sizes[1] < 1.1 * sizes[0] + 64 * 1024
    assert sizes[1] < 16 * 1024**2
