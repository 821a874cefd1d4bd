from hypothesis import given
from hypothesis import strategies as st

from sidecar.output import ENCODED_CAP, Lines, Tail


def test_a_tail_starts_at_a_character_boundary() -> None:
    tail = Tail(cap=4)
    tail.add("aéé".encode() + "é".encode() * 10)
    assert tail.text() == "éé"
    tail.add(b"x")
    assert tail.text() == "éx"
    assert tail.truncated


def test_invalid_utf_8_is_replaced() -> None:
    tail = Tail()
    tail.add(b"a\xffb")
    assert (tail.text(), tail.truncated) == ("a\ufffdb", False)


def test_output_that_grows_in_json_is_cut_to_the_clients_limit() -> None:
    tail = Tail()
    tail.add(b"\0" * 8_000_000 + b'{"end": true}')
    text = tail.text()
    assert tail.truncated
    assert text.endswith('\0{"end": true}')
    assert ENCODED_CAP // 2 < len(text) * 6 <= ENCODED_CAP + 1000


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_a_tail_is_the_end_of_what_was_written(chunks: list[bytes], cap: int) -> None:
    tail = Tail(cap)
    for chunk in chunks:
        tail.add(chunk.replace(b"\x80", b"x"))
    whole = b"".join(chunk.replace(b"\x80", b"x") for chunk in chunks)
    text = tail.text()
    assert tail.truncated == (len(whole) > cap)
    assert whole.decode("utf-8", "replace").endswith(text.lstrip("\ufffd"))


@given(st.text(), st.integers(1, 7), st.integers(4, 20))
def test_lines_are_complete_and_at_most_the_cap(text: str, step: int, cap: int) -> None:
    data = text.encode()
    lines = Lines(cap)
    received = [line for i in range(0, len(data), step) for line in lines.add(data[i : i + step])]
    received += lines.end()
    assert all(len(line.text.encode()) <= cap for line in received)
    whole = "".join(line.text if line.continues else line.text + "\n" for line in received)
    assert whole.removesuffix("\n") == text.removesuffix("\n")
