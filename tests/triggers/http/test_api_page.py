"""Every command of docs/api.md, in order, returns the status stated there."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.demo.polling import until
from shared.contracts.states import Phase
from tests.triggers.http.clients import store_completed_job, store_job
from tests.triggers.http.conftest import RunningApp
from triggers.http.operation import Operation
from triggers.http.routes import OPERATIONS

PAGE = (Path(__file__).parents[3] / "docs/api.md").read_text()
ASSIGNED = re.compile(r"([A-Z_]+)=(\S+)\s*(?:#.*)?\n")
BASH = 'curl() { command curl -w "%{stderr}%{http_code}" "$@"; }\n'
PAGES = {"text/html", ("text/javascript", "text/css")}
"""Operations for browsers, which the page has no command for."""


def commands(page: str) -> Iterator[str]:
    """Yield the commands of the page's shell blocks; a command can have several lines."""
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        command = ""
        for line in block.splitlines(keepends=True):
            command += line
            if _is_whole(command):
                yield command
                command = ""


def _is_whole(command: str) -> bool:
    with suppress(ValueError):  # an open quotation continues on the next line
        shlex.split(command, comments=True)
        return not command.endswith("\\\n")
    return False


def stated(command: str) -> int:
    """Return the status that the page states for a command."""
    result = re.search(r"# (\d{3})\b", command)
    return int(result[1]) if result else 200


@dataclass
class Reader:
    """Runs the commands and fills in values from earlier responses."""

    app: RunningApp
    folder: Path
    known: dict[str, str]
    others: dict[str, str]
    """By part of a command: a job in the phase that the command needs."""

    def does(self, command: str) -> int:
        """Run a command and return the status of the response."""
        known = {**self.known, **self._fitting(command), "PATH": "/usr/bin:/bin"}
        ended = subprocess.run(
            ["bash", "-c", BASH + command],
            env=known,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, (command, ended.stderr)
        with suppress(ValueError):  # not JSON: a file or a header
            self._learn(command, json.loads(ended.stdout))
        return int(ended.stderr or 200)

    def _fitting(self, command: str) -> dict[str, str]:
        """Return the job that the command needs, if it is not the current one."""
        return next(({"JOB": job} for part, job in self.others.items() if part in command), {})

    def _learn(self, command: str, values: dict[str, Any]) -> None:
        if "blob_path" in values:
            self.known["QUERY"] = values["blob_path"]
        if values.get("files"):
            self.known["FILE_ID"] = values["files"][0]["file_id"]
        if "fields" in values:
            self.known["TEMPLATE"] = values["id"]
        if "ticket" in values:
            self.known["TICKET"] = values["ticket"]
        if "download_url" in values:
            self.known["LINK"] = values["download_url"].rpartition("=")[2]
        if "statusQueryGetUri" in values:
            name = "BATCH" if '"searches"' in command else "JOB"
            self.known[name] = values["job_id"]
            # A job that does not progress, so that its ETag stays the same between commands.
            phase = "running" if name == "BATCH" else "retrying"
            until(self.app.api, values["job_id"], lambda job: job["phase"] == phase, 60)


async def test_every_command_of_the_page_has_the_stated_status(
    running_app: RunningApp, tmp_path: Path
) -> None:
    ended = await store_completed_job(running_app)
    others = {
        "$JOB/results": ended,
        "DELETE": ended,
        "/retry": await store_job(running_app, Phase.SEARCH_FAILED),
    }
    known = {"API": f"{running_app.url}/api", "TOKEN": "Authorization: Bearer x"}
    known["NEXT"] = running_app.api.jobs(limit=1)["page"]["next_cursor"]
    reader = Reader(running_app, tmp_path, known, others)
    answers = []
    for command in commands(PAGE):
        if assigned := ASSIGNED.fullmatch(command):
            reader.known.setdefault(assigned[1], assigned[2])
        else:
            answers.append((command, reader.does(command)))
    assert [(command, status) for command, status in answers if status != stated(command)] == []
    assert "…" not in "".join(reader.known.values())
    assert json.loads((tmp_path / "openapi.json").read_text())["openapi"].startswith("3.1")


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_the_page_has_a_command_for_every_operation(one: Operation) -> None:
    path = re.escape(f"/{one.path}").replace(r"\{id\}", r"\$\w+")
    path = path.replace(r"\{file_id\}", r"\$FILE_ID")
    path = path.replace(r"\{template\}", r"\$TEMPLATE").replace(r"\{accession\}", r"\w+")
    asked = re.compile(rf"\$API{path}(?=[?\"\s])")
    result = [command for command in commands(PAGE) if asked.search(command)]
    assert one.method in {_method(command) for command in result} or one.responses.get(200) in PAGES


def _method(command: str) -> str:
    method = re.search(r"-X (\w+)", command)
    if method:
        return method[1]
    return "POST" if re.search(r"\s-[dF] ", command) else "GET"
