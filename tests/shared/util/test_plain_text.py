"""Text of other programs: every encoding, no escape sequences, no control characters."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.util.plain_text import decode_plain, plain_text

ERROR = "BLAST Database error: größe"


@pytest.mark.parametrize(
    "data",
    [
        ERROR.encode(),
        ERROR.encode("utf-8-sig"),
        ERROR.encode("utf-16"),
        b"\xfe\xff" + ERROR.encode("utf-16-be"),
        ERROR.encode("utf-16-le"),
        ERROR.encode("utf-16-be"),
    ],
    ids=["UTF-8", "with a mark", "UTF-16", "big-endian", "without a mark", "big-endian without"],
)
def test_failure_51_text_is_decoded_whatever_its_encoding(data: bytes) -> None:
    assert decode_plain(data) == ERROR


def test_failure_51_the_end_of_a_utf_16_file_is_decoded_from_any_byte_on() -> None:
    data = ("INFO: begun\n" * 99 + ERROR).encode("utf-16")
    for start in (0, 1, 100, 101):
        assert ERROR in decode_plain(data[start:])


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[1;31mError:\x1b[0m no", "Error: no"),
        ("\x1b]0;title\x07Error: no\x1b(B", "Error: no"),
        ("\x9b31mError: no", "Error: no"),
        ("Error: no\x1b[3", "Error: no"),
        ("out of \x00memory\x08\x7f", "out of  memory  "),
        ("a\ufeffb\ud800c\uffff", "ab c "),
        ("a\tb\r\nc\n", "a\tb\r\nc\n"),
        ("größe 配列 \U0001f33c", "größe 配列 \U0001f33c"),
    ],
)
def test_escape_sequences_and_control_characters_are_removed(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@given(st.text(st.characters(codec=None)))
def test_plain_text_can_be_stored_sent_and_printed(text: str) -> None:
    plain = plain_text(text)
    assert plain_text(plain) == plain
    assert not any(c < " " and c not in "\t\r\n" for c in plain)
    assert json.loads(json.dumps(plain, ensure_ascii=False).encode()) == plain
