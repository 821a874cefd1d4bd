"""The check of the installed elastic-blast's pod script."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.helper import Helper
from sidecar.pod_script import check_pod_script, classify, interpreter_of
from tests.sidecar.sidecar_fixture import Sidecar, until

RELEASED = """#!/bin/bash
# ELB_BLAST_OPTIONS - more options
echo "$ELB_BLAST_PROGRAM -num_threads $ELB_NUM_CPUS $ELB_BLAST_OPTIONS"
$ELB_BLAST_PROGRAM \\
-num_threads "$ELB_NUM_CPUS" \\
$ELB_BLAST_OPTIONS \\
2>"$ERROR_FILE"
"""
PATCHED = """#!/bin/bash
tokens=( $ELB_BLAST_OPTIONS )
for token in "${tokens[@]}"; do ARGV+=( "$token" ); done
echo "$ELB_BLAST_PROGRAM -num_threads $ELB_NUM_CPUS $ELB_BLAST_OPTIONS"
$ELB_BLAST_PROGRAM \\
-num_threads "$ELB_NUM_CPUS" \\
"${ARGV[@]}" \\
2>"$ERROR_FILE"
"""
CASES = [
    (RELEASED, "unpatched"),
    (RELEASED.replace("$ELB_BLAST_OPTIONS \\", "${ELB_BLAST_OPTIONS}\\"), "unpatched"),
    (RELEASED.replace("$ELB_BLAST_OPTIONS \\", "  $ELB_BLAST_OPTIONS"), "unpatched"),
    (PATCHED, "patched"),
    (PATCHED.replace('"${ARGV[@]}" \\', '    "${OPTS[@]}"'), "patched"),
    ("#!/bin/bash\nexec blastn\n", "unknown"),
    ("", "unknown"),
]


@pytest.mark.parametrize(("text", "state"), CASES)
def test_a_script_is_classified_by_how_it_passes_options(
    tmp_path: Path, text: str, state: str
) -> None:
    script = tmp_path / "blast-run-aks.sh"
    script.write_text(text)
    assert classify(script) == state


def test_a_missing_script_is_unknown(tmp_path: Path) -> None:
    assert classify(tmp_path / "none.sh") == "unknown"
    assert classify(tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("head", "interpreter"),
    [
        ("#!/usr/bin/env python3\n", ["/usr/bin/env", "python3"]),
        ("#!/usr/bin/env -S python3 -I\n", ["/usr/bin/env", "-S", "python3", "-I"]),
        ("#!/opt/venv/bin/python3.12\nimport sys\n", ["/opt/venv/bin/python3.12"]),
        (
            "#!/bin/sh\n'''exec' \"/long path/python3\" \"$0\" \"$@\"\n' '''\n",
            ["/long path/python3"],
        ),
        ("#!/bin/sh\nexec blast\n", None),
        ("#!\n", None),
        ('#!/bin/sh\n\'\'\'exec\' "unclosed "$0" "$@"\n', None),
        ("\x7fELF", None),
        ("", None),
    ],
)
def test_a_python_program_names_its_interpreter(
    tmp_path: Path, head: str, interpreter: list[str] | None
) -> None:
    (tmp_path / "program").write_text(head)
    assert interpreter_of(tmp_path / "program") == interpreter


def test_an_unreadable_file_is_not_a_python_program(tmp_path: Path) -> None:
    assert interpreter_of(tmp_path) is None
    assert interpreter_of(tmp_path / "none") is None


def install(folder: Path, script: str | None, body: str = "") -> Path:
    """Install an elastic-blast program and package; returns the folder for PATH."""
    tools, package = folder / "tools", folder / "lib" / "elastic_blast"
    tools.mkdir(parents=True)
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('it was imported')\n" + body)
    if script is not None:
        (package / "templates" / "scripts").mkdir(parents=True)
        (package / "templates" / "scripts" / "blast-run-aks.sh").write_text(script)
    program = tools / "elastic-blast"
    program.write_text(f"#!{sys.executable}\n")
    program.chmod(0o755)
    return tools


def helper_of(folder: Path, tools: Path) -> Helper:
    env = {"PATH": f"{tools}:{os.defpath}", "PYTHONPATH": str(folder / "lib")}
    return Helper(env, ("PYTHONPATH",), folder / "work")


@pytest.mark.parametrize(("text", "state"), [*CASES, (None, "unknown")])
async def test_the_package_of_the_program_on_path_is_checked_without_import(
    tmp_path: Path, text: str | None, state: str
) -> None:
    helper = helper_of(tmp_path, install(tmp_path, text))
    assert await check_pod_script(helper) == state
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("what", ["no program", "no package", "a shell script", "no interpreter"])
async def test_anything_but_an_elastic_blast_package_is_unknown(tmp_path: Path, what: str) -> None:
    tools = install(tmp_path, RELEASED)
    program = tools / "elastic-blast"
    helper = helper_of(tmp_path, tools)
    if what == "no program":
        program.unlink()
    elif what == "no package":
        helper = Helper({"PATH": str(tools)}, (), tmp_path / "work")
    elif what == "a shell script":
        program.write_text("#!/bin/sh\n")
    else:
        program.write_text("#!/no/such/python3\n")
    assert await check_pod_script(helper) == "unknown"


@pytest.mark.parametrize(("text", "state"), [(RELEASED, "unpatched"), (PATCHED, "patched")])
def test_health_has_the_state_and_an_unpatched_script_is_an_error(
    own_sidecar: Callable[..., Sidecar], tmp_path: Path, text: str, state: str
) -> None:
    tools = install(tmp_path, text)
    sidecar = own_sidecar(
        PATH=f"{tools}:{os.defpath}",
        PYTHONPATH=f"{tmp_path / 'lib'}",
        EXEC_PASS_ENV="PYTHONPATH",
    )
    until(lambda: sidecar.request("GET", "/healthz").body["pod_script"] == state)
    if state == "unpatched":
        assert sidecar.event("pod_script_unpatched")["level"] == "error"
    else:
        assert sidecar.events("pod_script_unpatched") == []
