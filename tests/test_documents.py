"""`make check` finds a document that the code would make otherwise."""

from pathlib import Path

from tests.support import documents


def test_a_document_that_differs_is_named(tmp_path: Path) -> None:
    for path, text in documents.DOCUMENTS.items():
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text())
    assert documents.stale(tmp_path) == []
    for path in documents.DOCUMENTS:
        right = (tmp_path / path).read_text()
        (tmp_path / path).write_text(f"{right}more\n")
        assert documents.stale(tmp_path) == [path]
        (tmp_path / path).write_text(right)


def test_every_made_document_is_there() -> None:
    assert [path for path in documents.DOCUMENTS if not (documents.ROOT / path).is_file()] == []
