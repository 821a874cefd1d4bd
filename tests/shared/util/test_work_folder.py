"""Work folders: removed at the end, and after a kill by the next process; never while in use."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.util.work_folder import work_folder

PROGRAM = """
import sys
from pathlib import Path
from shared.util.work_folder import work_folder
with work_folder(Path(sys.argv[1])) as folder:
    (folder / "large").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process with a work folder, which it has until its input ends."""
    argv = [sys.executable, "-c", PROGRAM, str(parent)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_folder_is_removed_at_the_end(tmp_path: Path) -> None:
    with work_folder(tmp_path / "parent") as first, work_folder(tmp_path / "parent") as second:
        (first / "file").write_text("work")
        assert first != second
        assert list(second.iterdir()) == []
    assert list((tmp_path / "parent").iterdir()) == []
    with pytest.raises(ValueError, match="stop"), work_folder(tmp_path / "parent"):
        raise ValueError("stop")
    assert list((tmp_path / "parent").iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next(tmp_path: Path) -> None:
    with other_process(tmp_path) as (process, left):
        process.kill()
        process.wait()
        assert (left / "large").exists()
        with work_folder(tmp_path) as folder:
            assert list(tmp_path.iterdir()) == [folder]


def test_the_folder_of_a_living_process_stays(tmp_path: Path) -> None:
    (tmp_path / "not a work folder").write_text("stays")
    with other_process(tmp_path) as (process, used):
        with work_folder(tmp_path):
            assert (used / "large").exists()
        assert (used / "large").exists()
        process.communicate("")
        assert not used.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["not a work folder"]
