"""Bytes of a query file as text: compression and encodings."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from shared.blast.query_file import NotText, TooLong, query_text

TEXT = ">q1 grown at 37 °C\nACGT\n"
LIMIT = 100_000


def archive(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("q.fa", TEXT)
    else:
        with tarfile.open(fileobj=file, mode="w") as packed_tar:
            info = tarfile.TarInfo("q.fa")
            info.size = len(TEXT.encode())
            packed_tar.addfile(info, io.BytesIO(TEXT.encode()))
    return file.getvalue()


def test_text_in_utf_8_is_read() -> None:
    assert query_text(TEXT.encode(), LIMIT) == TEXT
    assert query_text(TEXT.encode("utf-8-sig"), LIMIT) == f"\ufeff{TEXT}"


def test_gzip_is_unpacked_with_all_its_members() -> None:
    data = gzip.compress(TEXT.encode())
    assert query_text(data, LIMIT) == TEXT
    assert query_text(data + data + b"\0\0", LIMIT) == TEXT * 2


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (bz2.compress(TEXT.encode()), "is a bzip2 file"),
        (lzma.compress(TEXT.encode()), "is an xz file"),
        (archive("zip"), "is a zip file"),
        (archive("tar"), "is a tar file"),
        (gzip.compress(archive("tar")), "is a tar file"),
        (gzip.compress(gzip.compress(TEXT.encode())), "is gzip within gzip"),
        (gzip.compress(TEXT.encode())[:-9], "is a gzip file whose end is missing"),
        (gzip.compress(TEXT.encode())[:10] + b"x" * 20, "is a damaged gzip file"),
        (TEXT.encode("utf-16"), "is text in UTF-16"),
        (TEXT.encode("utf-16-le"), "is text in UTF-16"),
        (TEXT.encode("utf-16-be"), "is text in UTF-16"),
        (TEXT.encode("utf-32"), "is text in UTF-32"),
        (TEXT.encode("latin-1"), "has the byte 0xB0 in line 1, which is not UTF-8"),
        (b">a\r\nACGT\r>\xe9\n", "has the byte 0xE9 in line 3, which is not UTF-8"),
        (b"%PDF-1.7\n", "is a PDF file"),
    ],
)
def test_other_formats_are_refused_by_name(data: bytes, fault: str) -> None:
    with pytest.raises(NotText) as caught:
        query_text(data, LIMIT)
    assert str(caught.value).startswith(fault)


@pytest.mark.parametrize("data", [b"A" * (LIMIT + 1), gzip.compress(b"A" * 10_000_000)])
def test_text_above_the_limit_is_refused(data: bytes) -> None:
    with pytest.raises(TooLong):
        query_text(data, LIMIT)
