"""Discovery of BLAST databases by their files."""

from collections.abc import Sequence

import pytest

from shared.blast.databases import Database, DatabaseType, discover, is_compatible, parse_metadata
from shared.clients.blobs import BlobInfo
from shared.contracts.search import Program
from tests.support.samples import NOON


def files(*names: str) -> Sequence[BlobInfo]:
    return [BlobInfo(name, 10, NOON) for name in names]


def discover_one(*names: str) -> Database:
    (database,) = discover(files(*names))
    return database


@pytest.mark.parametrize(
    ("name", "folder", "stem"),
    [("nt", "nt", "nt/nt"), ("mine", "custom/db", "custom/db/mine"), ("top", "", "top")],
)
def test_a_database_has_a_name_in_a_folder(name: str, folder: str, stem: str) -> None:
    database = discover_one(f"{stem}.nhr", f"{stem}.nin", f"{stem}.nsq")
    assert (database.name, database.folder, database.file_count) == (name, folder, 3)


@pytest.mark.parametrize(
    ("names", "ready"),
    [
        (("x/x.nhr", "x/x.nin", "x/x.nsq"), True),
        (("x/x.nhr", "x/x.nin"), False),
        (("x/x.00.nhr", "x/x.00.nin", "x/x.00.nsq", "x/x.nal"), True),
        (("x/x.00.nhr", "x/x.00.nin", "x/x.00.nsq", "x/x.01.nsq"), False),
        (("x/x.nal",), False),
        (("x/x.njs", "x/x.ndb"), False),
    ],
)
def test_a_database_is_ready_when_all_its_volumes_are_complete(
    names: tuple[str, ...], ready: bool
) -> None:
    database = discover_one(*names)
    assert (database.ready, database.kind, database.size) == (
        ready,
        DatabaseType.NUCLEOTIDE,
        10 * len(names),
    )


def test_one_name_with_two_types_is_two_databases() -> None:
    databases = discover(files("x/x.nsq", "x/x.psq", "readme.txt", "x/x.txt", "x/x.pdf"))
    assert [database.kind for database in databases] == [
        DatabaseType.NUCLEOTIDE,
        DatabaseType.PROTEIN,
    ]


def test_metadata_files_of_a_database_are_found() -> None:
    database = discover_one(
        "x/x.nsq", "x/x-nucl-metadata.json", "x/x.njs", "x/x-prot-metadata.json"
    )
    assert [blob.name for blob in database.metadata] == ["x/x-nucl-metadata.json", "x/x.njs"]


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        (Program.BLASTN, DatabaseType.NUCLEOTIDE),
        (Program.TBLASTN, DatabaseType.NUCLEOTIDE),
        (Program.TBLASTX, DatabaseType.NUCLEOTIDE),
        (Program.BLASTP, DatabaseType.PROTEIN),
        (Program.BLASTX, DatabaseType.PROTEIN),
        (Program.PSIBLAST, DatabaseType.PROTEIN),
        (Program.RPSBLAST, DatabaseType.PROTEIN),
        (Program.RPSTBLASTN, DatabaseType.PROTEIN),
    ],
)
def test_each_program_searches_one_database_type(program: Program, kind: DatabaseType) -> None:
    assert [is_compatible(program, other) for other in DatabaseType] == [
        other is kind for other in DatabaseType
    ]


def test_metadata_in_ncbis_form_is_parsed() -> None:
    metadata = (
        b'{"description": "Nucleotide collection", "number-of-sequences": 5, '
        b'"number-of-letters": 70, "last-updated": "2026-05-01T00:00:00"}'
    )
    assert parse_metadata(metadata) == {
        "title": "Nucleotide collection",
        "sequences": 5,
        "letters": 70,
        "updated_at": "2026-05-01T00:00:00Z",
    }


@pytest.mark.parametrize(
    "metadata", [b"", b"[]", b"\xff", b'{"number-of-letters": "many", "last-updated": "May"}']
)
def test_invalid_metadata_yields_no_fields(metadata: bytes) -> None:
    assert parse_metadata(metadata) == {}
