"""`make check` finds a document that the code would make otherwise."""

from pathlib import Path

from tests.support import documents

TEXTS = {"a.md": "one\n", "b.md": "two\n"}


def test_a_document_that_differs_is_named(tmp_path: Path) -> None:
    made = {path: text.__str__ for path, text in TEXTS.items()}
    for path, text in TEXTS.items():
        (tmp_path / path).write_text(text)
    assert documents.stale(made, tmp_path) == []
    for path, text in TEXTS.items():
        (tmp_path / path).write_text(f"{text}more\n")
        assert documents.stale(made, tmp_path) == [path]
        (tmp_path / path).write_text(text)


def test_every_made_document_is_there() -> None:
    assert [path for path in documents.DOCUMENTS if not (documents.ROOT / path).is_file()] == []
