"""The package that .funcignore leaves is whole: its modules load there, and it serves the page."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.package import PROJECT, copy_package

LOAD = """
import asyncio, importlib, json, pkgutil, sys
from pathlib import Path
from azure.functions import HttpRequest
import function_app
from triggers.http.openapi import handlers as openapi
from triggers.http.pages import ui

is_unread = ui.list_files.cache_info().currsize == 0
here = Path.cwd()
packages = [path.parent.name for path in here.glob("*/__init__.py")]
for package in packages:
    found = pkgutil.walk_packages([str(here / package)], f"{package}.")
    for name in [module.name for module in found if not module.name.endswith("__main__")]:
        importlib.import_module(name)

def ask(handler, path, **route_params):
    url = f"http://localhost/api/{path}"
    request = HttpRequest("GET", url, route_params=route_params, body=b"")
    response = asyncio.run(handler(req=request))
    return [response.status_code, response.mimetype, len(response.get_body())]

answers = {name: ask(ui.ui_file, f"ui/{name}", file=name) for name in ui.list_files()}
answers |= {"index.html": ask(ui.ui, "ui"), "docs": ask(openapi.docs, "docs")}
origin = Path(function_app.__file__).parent == Path(ui.__file__).parents[3] == here
report = {"packages": packages, "answers": answers}
print(json.dumps(report | {"origin": origin, "is_unread": is_unread}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_package(tmp_path_factory.mktemp("package") / "app")


@pytest.fixture(scope="module")
def loaded(package: Path) -> dict[str, Any]:
    argv = [sys.executable, "-B", "-c", LOAD]  # -B: leave no __pycache__ in the package
    ended = subprocess.run(argv, capture_output=True, text=True, cwd=package, env={}, timeout=60)
    assert ended.returncode == 0, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def test_the_package_holds_the_app_and_nothing_else(package: Path) -> None:
    assert {path.name for path in package.iterdir()} == {
        *("function_app.py", "host.json", "requirements.txt", ".funcignore"),
        "pyproject.toml",  # the version
        *("activities", "blast_orchestrator", "shared", "triggers", "ui"),
    }


def test_every_module_of_the_package_loads_without_the_rest_of_the_project(
    loaded: dict[str, Any],
) -> None:
    assert loaded["origin"]
    assert {*loaded["packages"]} == {"activities", "blast_orchestrator", "shared", "triggers"}


def test_importing_the_app_reads_no_file_of_the_page(loaded: dict[str, Any]) -> None:
    assert loaded["is_unread"]


def test_the_package_serves_the_whole_page(loaded: dict[str, Any]) -> None:
    types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
    expected = {
        path.name: [200, types[path.suffix], path.stat().st_size]
        for path in (PROJECT / "ui").iterdir()
    }
    answers = loaded["answers"]
    assert answers.pop("docs")[:2] == [200, "text/html"]
    assert answers == expected
