"""The check of words finds them where people read, and nowhere else."""

import pytest

from tests.support.prose import EXCEPTIONS, ROOT, Place, in_text


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("a.py", '"""What is told."""', 1),
        ("a.py", "x = 1\ny = 2  # heard of", 2),
        ("a.py", 'raise ValueError(f"{x} is in vain")', 1),
        ("a.py", 'TEXT = """first\n\nas said before\n"""', 3),
        ("a.js", "let a = 1;\n// nobody asks", 2),
        ("a.js", "/* first\n Whoever */", 2),
        ("a.js", "show(`it ${lives} lives`);", 1),
        ("a.md", "first\n\n    code that lives\n", 3),
        ("tests/a.py", "\ndef test_what_nobody_reads() -> None: ...", 2),
        ("tests/a.py", "async def test_it_is_cleared_away() -> None: ...", 1),
    ],
)
def test_a_word_of_the_old_manner_is_found(file: str, text: str, line: int) -> None:
    found = in_text(text, file)
    assert {(place.file, place.line) for place in found} == {(file, line)}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.py", "told = heard(said)"),
        ("tests/a.py", "told = heard(said)"),
        ("activities/a.py", "def told() -> None: ..."),
        ("a.js", "const lives = said(nobody);"),
        ("a.py", "KEY = 'its_told'"),
        ("a.py", 'f"{told} {heard!r:>10}"'),
        ("a.md", "retold, olives"),
    ],
)
def test_other_identifiers_and_words_are_not(file: str, text: str) -> None:
    assert in_text(text, file) == []


def test_an_exception_is_left_out() -> None:
    assert in_text("# told", "tests/support/prose.py") == []
    assert in_text("# told", "tests/support/pose.py") == [Place("tests/support/pose.py", 1, "told")]


@pytest.mark.parametrize(("file", "part"), EXCEPTIONS)
def test_every_exception_is_needed(file: str, part: str) -> None:
    assert part in (ROOT / file).read_text()
