"""Failure 40: damaged and malicious result files."""

import gc
import gzip
import random
import re
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from itertools import repeat

import pytest

from shared.hits import gzip as gzip_reader
from shared.hits import lines, xml
from shared.hits.errors import Unreadable
from shared.hits.rows import open_rows
from tests.shared.hits.blast import Blast
from tests.shared.hits.reading import hits

ROW = b"q1\ts1\t98.5\t100\t1\t0\t1\t100\t5\t104\t1e-40\t180\n"
ENTITIES = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [
 <!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;"><!ENTITY lol2 "&lol1;&lol1;&lol1;">
]>
<BlastOutput>&lol2;</BlastOutput>"""
EXTERNAL = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><BlastOutput>&x;</BlastOutput>'


def read_error(pieces: Iterable[bytes], outfmt: str, code: str = "file_damaged") -> str:
    """The message of the error that reading the file raises."""
    with pytest.raises(Unreadable) as caught:
        hits(pieces, outfmt)
    assert caught.value.code == code
    return str(caught.value)


def bomb(size: int) -> Iterator[bytes]:
    """A gzip of `size` equal bytes, about a thousandth as long, generated lazily."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"x" * 1024 * 1024
    yield from (packer.compress(block) for _ in range(size // len(block)))
    yield packer.flush()


def peak(pieces: Iterable[bytes], outfmt: str) -> tuple[int, int]:
    """The number of hits, and the peak memory of Python in bytes while they are read."""
    gc.collect()  # garbage of earlier tests must not count
    tracemalloc.start()
    try:
        rows = open_rows(pieces, outfmt).rows()
        return sum(block.count(b"\n") for block in rows), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("outfmt", ["5", "6", "7"])
def test_failure_40_a_gzip_bomb_is_rejected_in_bounded_memory(outfmt: str) -> None:
    tracemalloc.start()
    read_error(bomb(1024**3), outfmt, "decompression_limit")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 64 * 1024**2


def test_failure_40_a_gzip_bomb_of_valid_rows_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzip_reader, "EXPANSION_CHECK_AFTER", 1024**2)
    packed = gzip.compress((b"q1\t" + b"A" * 2000 + b"\n") * 2000)
    assert "500 times" in read_error([packed], "6 qseqid qseq", "decompression_limit")


def test_many_identical_hits_are_not_rejected_as_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzip_reader, "EXPANSION_CHECK_AFTER", 1024**2)
    sequence = random.Random(1).randbytes(1000).hex()
    row = f"q1\t{sequence}\t{sequence}\n".encode()
    packed = gzip.compress(row * 1000)
    assert len(row) * 1000 > 100 * len(packed)
    assert len(hits([packed], "6 qseqid qseq sseq")) == 1000


@pytest.mark.parametrize("document", [ENTITIES, EXTERNAL], ids=["nested", "external"])
def test_failure_40_entities_are_never_expanded(document: bytes) -> None:
    assert "DOCTYPE has declarations" in read_error([document], "5")


def test_failure_40_endless_elements_are_rejected() -> None:
    assert "deep" in read_error(repeat(b"<BlastOutput>" * 100), "5")
    endless = (b"<Hsp_qseq>", *repeat(b"A" * 1024**2, 40))
    assert "more than" in read_error([b"<BlastOutput>", *endless], "5")


def test_failure_40_an_endless_tag_or_line_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(xml, "LONGEST_TEXT", 1024**2)
    monkeypatch.setattr(lines, "LONGEST_LINE", 1024**2)
    assert "a tag has more" in read_error([b"<a b='", *repeat(b"x" * 65536, 40)], "5")
    assert "line 1 " in read_error(repeat(b"x" * 65536, 40), "6")
    assert "line 1 " in read_error(repeat(b"x" * 65536, 40), "7")


@pytest.mark.parametrize("outfmt", ["5", "6", "7"])
@pytest.mark.parametrize("kept", [0.5, 0.9, 0.999])
def test_a_truncated_file_is_damaged(blast: Blast, outfmt: str, kept: float) -> None:
    packed = gzip.compress(blast.search("blastn", "odd_dna", outfmt))
    assert "gzip" in read_error([packed[: int(len(packed) * kept)]], outfmt)


def test_a_gzip_with_a_wrong_checksum_is_damaged() -> None:
    packed = bytearray(gzip.compress(ROW * 10))
    packed[-8] ^= 1
    assert "not valid gzip" in read_error([bytes(packed)], "6")
    assert "not valid gzip" in read_error([gzip.compress(ROW) + b"rubbish"], "6")


def test_gzip_members_and_padding_are_read_as_one_file() -> None:
    packed = gzip.compress(ROW) + gzip.compress(b"") + gzip.compress(ROW * 2) + b"\0" * 512
    assert len(hits([packed], "6")) == 3


@pytest.mark.parametrize(
    "line",
    [
        b"q1\ts1\t98.5",
        b"q1\ts1\tnan\t100\t1\t0\t1\t100\t5\t104\t1e-40\t180",
        b"q1\ts1\t98.5\t100\t1\t0\t1\t100\t5\t104\tinf\t180",
        b"q1\ts1\t98.5\tmany\t1\t0\t1\t100\t5\t104\t1e-40\t180",
        ROW.rstrip() + b"\tmore",
        b"\xff\xfe\x00rubbish",
    ],
)
def test_an_invalid_line_is_reported_with_its_number(line: bytes) -> None:
    assert "line 3 " in read_error([ROW, ROW, line + b"\n", ROW], "6")


def test_xml_with_an_invalid_hsp_is_damaged(blast: Blast) -> None:
    good = blast.search("blastn", "odd_dna", "5")
    assert "HSP" in read_error([good.replace(b"<Hsp_identity>", b"<Hsp_identity>x", 1)], "5")
    assert "HSP" in read_error([good.replace(b"Hsp_evalue>", b"Hsp_other>")], "5")
    assert "HSP" in read_error([re.sub(rb"(<Hsp_evalue>)[^<]+", rb"\g<1>nan", good)], "5")
    assert "HSP" in read_error([good.replace(b"<Hsp_align-len>", b"<Hsp_align-len>0x", 1)], "5")
    nothing = re.sub(rb"(<Hsp_align-len>)\d+", rb"\g<1>0", good)
    assert "HSP" in read_error([nothing], "5")
    assert "not valid XML" in read_error([good + good], "5")
    assert "not valid XML" in read_error([b""], "5")


def test_empty_tables_and_windows_line_ends_are_read() -> None:
    assert hits([], "6") == hits([b""], "6") == []
    assert len(hits([ROW.replace(b"\n", b"\r\n") * 2], "6")) == 2
    assert len(hits([ROW * 2 + ROW.rstrip()], "6")) == 3


@pytest.mark.parametrize(
    "outfmt",
    [
        pytest.param("5", marks=pytest.mark.acceptance),
        "6",
        pytest.param("7", marks=pytest.mark.acceptance),
    ],
)
def test_failure_40_memory_does_not_grow_with_the_file(blast: Blast, outfmt: str) -> None:
    sizes = (9, 27) if outfmt == "5" else (216, 648)  # both sizes fill all buffers
    small, large = (peak(generated(blast, outfmt, times), outfmt) for times in sizes)
    assert large[0] == 3 * small[0]
    assert large[1] < 1.2 * small[1]
    assert large[1] < 16 * 1024**2


def generated(blast: Blast, outfmt: str, times: int) -> Iterator[bytes]:
    """A gzip that repeats the hits of one search `times` times."""
    data = blast.search("blastp", "some_peptides", outfmt)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    begin, middle, end = b"", data, b""
    if outfmt == "5":
        first, last = data.index(b"<Iteration>"), data.rindex(b"</BlastOutput_iterations>")
        begin, middle, end = data[:first], data[first:last], data[last:]
    for piece in (begin, *repeat(middle, times), end):
        yield packer.compress(piece)
    yield packer.flush()


def test_an_empty_file_of_outfmt_7_is_damaged() -> None:
    assert "empty" in read_error([gzip.compress(b"")], "7")


def test_a_carriage_return_in_a_title_is_reported_with_its_line() -> None:
    assert "line 1 of the file is not a hit: it has a carriage return" in read_error(
        [b"q\ta\rb\n"], "6 qseqid stitle"
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param(b"<html><body/></html>", "its root is html", id="html"),
        pytest.param(b"<BlastXML2/>", "its root is BlastXML2", id="xml2"),
        pytest.param(
            b'<?xml version="1.0" encoding="none"?><BlastOutput/>',
            "it declares an unknown encoding",
            id="unknown-encoding",
        ),
        pytest.param(
            b'<!DOCTYPE BlastOutput SYSTEM "x.dtd"><BlastOutput>&amp;&foo;</BlastOutput>',
            "an entity that is not declared, &foo;",
            id="undeclared-entity",
        ),
    ],
)
def test_xml_that_blast_did_not_write_is_refused(document: bytes, message: str) -> None:
    assert message in read_error([document], "5")
