"""Unreadable records: they stop neither start nor purge, and mean an unknown outcome."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sidecar.records import OperationRecord, Records, StateLost
from tests.sidecar.sidecar_fixture import Sidecar, command, operations_on, until

START = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = '{"id": "a", "digest": "d", "started_at": "2026-01-01T00:00:00+00:00", "finished_at": null}'
UNREADABLE = {
    "empty": b"",
    "cut": GOOD[:40].encode(),
    "no object": b"[]",
    "no text": b"\xff\xfe",
    "field missing": b'{"id": "a"}',
    "other type": GOOD.replace('"d"', "5").encode(),
    "no time": GOOD.replace("2026-01-01T", "soon ").encode(),
    "no zone": GOOD.replace("+00:00", "").encode(),
}


def make_unreadable(path: Path, how: str) -> None:
    path.mkdir() if how == "folder" else path.write_bytes(UNREADABLE[how])


ways = pytest.mark.parametrize("how", [*UNREADABLE, "folder"])


@pytest.fixture
def records(tmp_path: Path) -> Records:
    records = Records(tmp_path)
    records.open()
    return records


@ways
def test_an_unreadable_record_is_an_accepted_operation_with_unknown_outcome(
    records: Records, tmp_path: Path, how: str
) -> None:
    make_unreadable(tmp_path / "a.record", how)
    record = records.find("a")
    assert record is not None
    assert (record.id, record.digest, record.finished_at) == ("a", None, None)


def test_a_record_without_read_permission_is_an_accepted_operation(
    records: Records, tmp_path: Path
) -> None:
    (tmp_path / "a.record").write_text(GOOD)
    (tmp_path / "a.record").chmod(0)
    record = records.find("a")
    assert record is not None
    assert record.digest in (None, "d")  # root can read it


@ways
def test_unreadable_records_are_purged_by_age_with_the_others(
    records: Records, tmp_path: Path, how: str
) -> None:
    for name in ("a", "b"):
        make_unreadable(tmp_path / f"{name}.record", how)
    for name in ("c", "d"):
        records.save(OperationRecord(name, "digest", START))
    _make_old(tmp_path / "b.record")
    old = records.older_than(START + timedelta(seconds=1))
    assert old == ["b", "c", "d"]
    for name in old:
        records.forget(name)
        records.forget(name)
    assert {path.name for path in tmp_path.iterdir()} == {"instance", "a.record"}


def test_files_without_a_record_are_purged_by_age(records: Records, tmp_path: Path) -> None:
    """Drafts of a crash, and a result whose record was removed before it."""
    names = ("a.record-draft", "a.result-draft", "b.result", "c.result")
    for name in names:
        (tmp_path / name).write_text("{}")
    for name in names[:-1]:
        _make_old(tmp_path / name)
    assert records.older_than(START + timedelta(seconds=1)) == ["a", "b"]
    records.forget("a")
    records.forget("b")
    assert {path.name for path in tmp_path.iterdir()} == {"instance", "c.result"}


@pytest.mark.parametrize("how", ["empty", "cut", "no object", "folder", "missing"])
def test_an_unreadable_result_is_none(records: Records, tmp_path: Path, how: str) -> None:
    record = OperationRecord("a", "digest", START)
    records.finish(record, START, {"exit_code": 0})
    (tmp_path / "a.result").unlink()
    if how != "missing":
        make_unreadable(tmp_path / "a.result", how)
    assert records.result("a") is None


def test_a_missing_record_is_proof_only_in_the_opened_folder(tmp_path: Path) -> None:
    records = Records(tmp_path / "records")
    with pytest.raises(StateLost):
        records.find("a")
    instance = records.open()
    assert records.find("a") is None
    assert records.open() == instance
    (tmp_path / "records" / "instance").write_text("f" * 32)
    with pytest.raises(StateLost):
        records.find("a")


def test_the_instance_file_is_private_and_a_draft_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "instance-draft").touch(mode=0o600)
    (tmp_path / "instance-draft").write_text("f" * 32)
    assert Records(tmp_path).open() != "f" * 32
    assert (tmp_path / "instance").stat().st_mode & 0o777 == 0o600


def test_a_sidecar_starts_and_purges_despite_unreadable_records(
    own_sidecar: Callable[..., Sidecar],
) -> None:
    sidecar = own_sidecar()
    sidecar.child.stop()
    folder = sidecar.state / "operations"
    for number, how in enumerate([*UNREADABLE, "folder"]):
        make_unreadable(folder / f"bad-{number}.record", how)
        _make_old(folder / f"bad-{number}.record")
        make_unreadable(folder / f"new-{number}.record", how)
    Records(folder).save(OperationRecord("good", "digest", START))
    sidecar.restart()
    until(lambda: not list(folder.glob("bad-*")) and not (folder / "good.record").exists())
    for number in range(len(UNREADABLE) + 1):
        response = sidecar.request("GET", f"/operations/new-{number}")
        assert (response.status, response.body["state"]) == (200, "interrupted")
        again = sidecar.request("PUT", f"/operations/new-{number}", command("say", "hi"))
        assert (again.status, again.body["state"]) == (200, "interrupted")
        assert sidecar.request("DELETE", f"/operations/new-{number}").body["state"] == "interrupted"
    assert sidecar.event("record_unreadable")


async def test_a_record_that_cannot_be_removed_does_not_stop_the_purge(tmp_path: Path) -> None:
    operations = operations_on(tmp_path, lambda: START + timedelta(days=30))
    folder = tmp_path / "operations"
    for name in ("a", "b", "c"):
        Records(folder).save(OperationRecord(name, "digest", START))
    (folder / "b.record").unlink()
    (folder / "b.record").symlink_to("b.record")  # a symlink loop
    await operations.purge(timedelta(hours=24))
    left = await asyncio.to_thread(lambda: {path.name for path in folder.glob("*.*")})
    assert "a.record" not in left and "c.record" not in left


def _make_old(path: Path) -> None:
    os.utime(path, (START.timestamp(), START.timestamp()))
