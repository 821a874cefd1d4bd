"""The token stays out of reach of the commands, which run as the same user."""

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

NOBODY = 65534
PR_GET_DUMPABLE = 3
IS_ROOT = os.geteuid() == 0
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's rule is Linux's")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can enter: pytest's own cannot be."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Sidecar]:
    """A sidecar that may look at processes of its own user only, as in the image.

    Root without a capability may look at no more than another user.
    """
    prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    running = open_sidecar(
        tmp_path / "sidecar", prefix=prefix if IS_ROOT else [], EXEC_TOKEN_NEXT="n" * 40
    )
    yield running
    running.child.stop()


@linux_only
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


@linux_only
def test_a_command_cannot_read_the_memory_or_the_environment_of_the_sidecar(
    unprivileged: Sidecar,
) -> None:
    for name in ("environ", "mem", "maps", "fd/0", "auxv"):
        said = unprivileged.run("parent", name)
        assert said["exit_code"] != 0, name
        assert "Permission denied" in said["stderr"]
        assert said["stdout"] == ""
    assert unprivileged.run("parent", "comm")["exit_code"] == 0  # it looks at the right process


@linux_only
def test_no_process_that_a_command_can_read_shows_a_token(unprivileged: Sidecar) -> None:
    """Every process that a command can look at is looked at."""
    said = unprivileged.run("environments", timeout_seconds=60)["stdout"]
    assert "PATH=" in said
    assert TOKEN not in said and "n" * 40 not in said


@linux_only
def test_a_command_itself_can_be_looked_at(unprivileged: Sidecar) -> None:
    """So that what a dead sidecar left running is still found by its HOME."""
    assert f"HOME={unprivileged.state}" in unprivileged.run("own", "environ")["stdout"]


@linux_only
def test_a_process_that_shows_a_token_is_found_and_logged(tmp_path: Path) -> None:
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


@linux_only
@pytest.mark.skipif(not IS_ROOT, reason="needs a program that belongs to another user")
def test_the_init_process_of_the_image_shows_nothing(open_folder: Path) -> None:
    """The kernel closes a process whose program its user may run but not read."""
    dockerfile = (ROOT / "sidecar" / "Dockerfile").read_text()
    (mode,) = re.findall(r'chmod (\d+) "\$\(command -v tini\)"', dockerfile)
    program = open_folder / "init"
    shutil.copy(shutil.which("sleep") or "", program)
    program.chmod(int(mode, 8))
    init = subprocess.Popen([program, "600"], env={"EXEC_TOKEN": TOKEN}, user=NOBODY)
    try:
        until(lambda: Path(f"/proc/{init.pid}/cmdline").read_bytes().startswith(b"/tmp"))
        reader = subprocess.run(
            ["cat", f"/proc/{init.pid}/environ"], user=NOBODY, capture_output=True
        )
        assert (reader.returncode, reader.stdout) == (1, b"")
    finally:
        init.kill()
        init.wait()
