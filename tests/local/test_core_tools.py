"""`make demo HOST=func`: everything but Core Tools themselves, which a stand-in replaces."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.core_tools import INSTALL, OLDEST
from local.stack import PROJECT

FUNC = f"""#!{sys.executable}
import json, os, pathlib, shutil, subprocess, sys

if sys.argv[1:] == ["--version"]:
    print(os.environ["FUNC_VERSION"])
    sys.exit(os.environ["FUNC_VERSION"] == "")
started = {{
    "argv": sys.argv[1:],
    "files": sorted(os.listdir()),
    "environment": dict(os.environ),
    "python3": shutil.which("python3"),
}}
pathlib.Path(os.environ["FUNC_STARTED"]).write_text(json.dumps(started))
port = sys.argv[sys.argv.index("--port") + 1]
argv = [sys.executable, "-B", "-m", "local.functions_host", "--app", ".", "--port", port]
argv += ["--state", os.environ["FUNC_STARTED"] + ".sqlite"]
environment = {{**os.environ, "PYTHONPATH": "{PROJECT}"}}
host = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment)
for line in host.stdout:
    print(line, end="", flush=True)
    if line.startswith("ready "):
        url = "http://localhost:" + port + "/api/health"
        print("\\nFunctions:\\n\\n\\thealth: [GET] " + url + "\\n", flush=True)
"""
"""Listens as the real one does, and runs the app of its folder in the local functions host."""
CORE_TOOLS = ".ci/core-tools"
NEEDED = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT": "1",
    "BLAST_AUTH_MODE": "local",
    "VIRTUAL_ENV": sys.prefix,
}


def demo(path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = os.environ  # noqa: TID251  as a developer's shell, not the app's
    environment: Mapping[str, str] = {**inherited, "PATH": path, **variables}
    argv = [sys.executable, "-m", "local", "demo", "--host", "func"]
    return subprocess.run(
        argv, capture_output=True, text=True, cwd=PROJECT, env=environment, timeout=400
    )


@pytest.fixture
def func(tmp_path: Path) -> Path:
    """The folder of the stand-in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "func").write_text(FUNC)
    (folder / "func").chmod(0o755)
    return folder


def test_missing_core_tools_are_reported_before_anything_starts(tmp_path: Path) -> None:
    ended = demo(str(tmp_path))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "Demo failed: HOST=func needs Azure Functions Core Tools, and `func` is not on PATH."
        f" Install them: {INSTALL}\n"
        "or leave HOST=func out: the local functions host runs the same app.\n"
    )


@pytest.mark.parametrize("version", ["4.13.2", "3.0.5682", "", "no number"])
def test_core_tools_that_listen_on_every_network_are_refused(func: Path, version: str) -> None:
    ended = demo(str(func), FUNC_VERSION=version)
    assert (ended.returncode, ended.stdout) == (1, "")
    found = version if version[:1].isdigit() else f"of no version (exit code {int(not version)})"
    assert f"{func}/func is {found}. HOST=func needs 4.14.0 or newer" in ended.stderr


@pytest.mark.acceptance
@pytest.mark.timeout(450)
def test_the_demo_runs_the_package_in_func_and_leaves_no_process(
    func: Path, tmp_path: Path
) -> None:
    record = tmp_path / "started"
    path = f"{func}:{os.environ['PATH']}"  # noqa: TID251  of the test's own process
    ended = demo(path, FUNC_VERSION="4.15.1", FUNC_STARTED=str(record))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "rows equal those of one plain blastn run" in ended.stdout
    started: dict[str, Any] = json.loads(record.read_text())
    port = started["argv"][2]
    assert started["argv"] == ["start", "--port", port, "--address", "127.0.0.1"]
    assert {"function_app.py", "host.json", "requirements.txt"} <= {*started["files"]}
    assert not {"local", "tests", ".state", "local.settings.json"} & {*started["files"]}
    environment = started["environment"]
    assert NEEDED.items() <= environment.items()
    assert environment["AzureWebJobsStorage"].startswith("DefaultEndpointsProtocol=http")
    assert Path(started["python3"]).parent == Path(sys.prefix, "bin")
    listening = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)",
        ],
        capture_output=True,
        timeout=30,
    )
    assert listening.returncode != 0


@pytest.mark.parametrize("target", ["demo", "run"])
def test_make_passes_the_host_on_and_takes_none_from_the_environment(target: str) -> None:
    make = shutil.which("make")
    assert make
    environment = {"PATH": os.defpath, "HOST": "my-machine"}
    for arguments, host in (([], "local"), (["HOST=func"], "func")):
        ended = subprocess.run(
            [make, "--dry-run", target, *arguments],
            capture_output=True,
            text=True,
            cwd=PROJECT,
            env=environment,
            timeout=60,
        )
        assert re.search(rf"-m local {target}.* --host {host}$", ended.stdout, re.MULTILINE)


def test_ci_installs_core_tools_that_are_new_enough_and_runs_the_demo_in_them() -> None:
    text = (PROJECT / ".github/workflows/ci.yml").read_text()
    last = yaml.safe_load(text)["jobs"]["test"]["steps"][-1]["run"]
    assert f"npm ci --prefix {CORE_TOOLS}" in last
    assert f'PATH="$PWD/{CORE_TOOLS}/node_modules/.bin:$PATH" make demo HOST=func' in last
    wanted = json.loads((PROJECT / CORE_TOOLS / "package.json").read_text())["dependencies"]
    locked = json.loads((PROJECT / CORE_TOOLS / "package-lock.json").read_text())["packages"]
    version = locked["node_modules/azure-functions-core-tools"]["version"]
    assert wanted == {"azure-functions-core-tools": version}
    assert tuple(map(int, version.split("."))) >= OLDEST
    assert all(each["integrity"] for name, each in locked.items() if name)
