"""Commands, which run as the same user, cannot read the token."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.hardening import processes_exposing
from tests.sidecar.sidecar_fixture import ROOT, TOKEN, Sidecar, open_sidecar, until

NOBODY_UID = 65534
PR_GET_DUMPABLE = 3
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can enter; pytest's own is private."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Sidecar]:
    """A sidecar that can inspect only processes of its own user, as in the image.

    Root without capabilities has no more access than another user.
    """
    prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    running = open_sidecar(
        tmp_path / "sidecar", prefix=prefix if IS_ROOT else [], EXEC_TOKEN_NEXT="n" * 40
    )
    yield running
    running.child.stop()


def test_the_process_is_not_dumpable() -> None:
    code = (
        "import ctypes\n"
        "from sidecar.hardening import make_undumpable\n"
        "libc = ctypes.CDLL(None)\n"
        f"before = libc.prctl({PR_GET_DUMPABLE}, 0, 0, 0, 0)\n"
        "make_undumpable()\n"
        f"print(before, libc.prctl({PR_GET_DUMPABLE}, 0, 0, 0, 0))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout == "1 0\n"


def test_a_command_cannot_read_the_memory_or_the_environment_of_the_sidecar(
    unprivileged: Sidecar,
) -> None:
    for name in ("environ", "mem", "maps", "fd/0", "auxv"):
        output = unprivileged.run("parent", name)
        assert output["exit_code"] != 0, name
        assert "Permission denied" in output["stderr"]
        assert output["stdout"] == ""
    assert unprivileged.run("parent", "comm")["exit_code"] == 0  # the right process


def test_no_process_readable_by_a_command_has_a_token(unprivileged: Sidecar) -> None:
    """Reads every process that a command can read."""
    output = unprivileged.run("environments", timeout_seconds=60)["stdout"]
    assert "PATH=" in output
    assert TOKEN not in output and "n" * 40 not in output


def test_a_commands_environment_is_readable(unprivileged: Sidecar) -> None:
    """So that orphans of a dead sidecar can be found by their HOME."""
    assert f"HOME={unprivileged.state}" in unprivileged.run("own", "environ")["stdout"]


def test_a_process_that_exposes_a_token_is_logged(tmp_path: Path) -> None:
    """Such as an init process that got the container's environment."""
    init = subprocess.Popen(["sleep", "600"], env={"SOME_TOKEN": TOKEN, "PATH": os.defpath})
    try:
        until(lambda: init.pid in processes_exposing([TOKEN]))
        running = open_sidecar(tmp_path / "sidecar")
        exposed = running.event("token_exposed")
        running.child.stop()
        assert init.pid in exposed["processes"]
        assert exposed["level"] == "error"
    finally:
        init.kill()
        init.wait()


@pytest.mark.skipif(not IS_ROOT, reason="needs a program that belongs to another user")
def test_the_init_process_of_the_image_exposes_no_environment(open_folder: Path) -> None:
    """Linux hides the environment of a process whose program its user cannot read."""
    dockerfile = (ROOT / "sidecar" / "Dockerfile").read_text()
    (mode,) = re.findall(r'chmod (\d+) "\$\(command -v tini\)"', dockerfile)
    program = open_folder / "init"
    shutil.copy(shutil.which("sleep") or "", program)
    program.chmod(int(mode, 8))
    init = subprocess.Popen([program, "600"], env={"EXEC_TOKEN": TOKEN}, user=NOBODY_UID)
    try:
        until(lambda: Path(f"/proc/{init.pid}/cmdline").read_bytes().startswith(b"/tmp"))
        reader = subprocess.run(
            ["cat", f"/proc/{init.pid}/environ"], user=NOBODY_UID, capture_output=True
        )
        assert (reader.returncode, reader.stdout) == (1, b"")
    finally:
        init.kill()
        init.wait()
