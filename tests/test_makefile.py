"""The Makefile: every command that it declares or that a document names exists."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from local.elastic_blast.environment import PYTHON_ENV

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
RULES = {
    match["name"]: bool(match["needs"].strip() or match["recipe"])
    for match in re.finditer(
        r"^(?P<name>[a-z]+):(?P<needs>[^#\n]*)(#.*)?\n(?P<recipe>\t)?", MAKEFILE, re.MULTILINE
    )
}
"""By target: whether it needs others or has a recipe. make takes one without either as done."""


def test_every_declared_command_does_something() -> None:
    declared = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert declared
    names = declared[1].split()
    assert len(names) > 5
    assert [name for name in names if not RULES.get(name)] == []


def test_no_python_of_a_command_writes_outside_of_the_state_folder() -> None:
    argv = ["make", "--print-data-base", "--dry-run", "clean"]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert f"PYTHONPYCACHEPREFIX := {ROOT}/.state/pycache\n" in ended.stdout
    assert PYTHON_ENV["PYTHONPYCACHEPREFIX"] == f"{ROOT}/.state/pycache"


def test_programs_may_cache_what_they_compile() -> None:
    """Else each start of the app compiles all its packages: three times the processor time."""
    probe = '--eval=probe: ; @echo "[$$PYTHONDONTWRITEBYTECODE][$$PYTHONPYCACHEPREFIX]"'
    env = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    argv = ["make", "--no-print-directory", probe, "probe"]
    ended = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True, env=env
    )
    assert ended.stdout.splitlines()[-1] == f"[][{ROOT}/.state/pycache]"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "bench/README.md"])
def test_every_command_in_a_document_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    named = set(re.findall(r"(?:^ {4}|`)make (?:[A-Z]+=\S+ )?([a-z]+)", text, re.MULTILINE))
    assert named
    assert named <= set(RULES)
