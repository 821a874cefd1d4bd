"""What the Functions host does for its worker: it invokes functions, with inputs in its form."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from blast_orchestrator.workflow import ACTIVITY
from local.processes import Child, start
from local.stack import PROJECT, Stack
from shared.contracts import serialization
from shared.contracts.activities import ActivityInput, ActivityName, ChunkResult, StepResult
from tests.worker.durable import Extension
from triggers.http.routes import OPERATIONS

PYTHON = PROJECT / ".state/worker/bin/python"
"""Of the virtual environment with Azure's worker; `make worker` makes it."""
REQUIRED = "REQUIRE_WORKER"
"""The setting with which tests fail, and are not left out, where that environment is missing."""
THREADS = 4
"""Of the worker, for sync functions."""


def start_worker(app: Path, log: Path, settings: dict[str, str]) -> Child:
    """Start Azure's worker with the app in a folder. Raises DidNotStart with its words."""
    argv = [str(PYTHON), "-m", "tests.worker.program", str(app)]
    env = {"PYTHON_THREADPOOL_THREAD_COUNT": str(THREADS), **settings}
    return start("worker", argv, log, env, cwd=PROJECT)


class WorkerStack(Stack):
    """Storage, cluster and sidecar, with Azure's worker in the place of the functions host."""

    def start_host(self) -> Child:
        child = start_worker(PROJECT, self._log("worker"), self._environment())
        return self._kept(child)


@dataclass(frozen=True)
class Answer:
    """What a function that was triggered over HTTP answers."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Host:
    """Invokes functions of a worker. Each method fails where the invocation does."""

    url: str
    durable: Extension

    def functions(self) -> dict[str, list[dict[str, Any]]]:
        """The bindings of each function that the worker has indexed."""
        found: dict[str, Any] = self._get("functions")
        return found

    def lines(self, **wanted: str) -> list[dict[str, Any]]:
        """The log lines with these fields, such as `logger="blast"`."""
        return [one for one in self._get("logs") if wanted.items() <= one.items()]

    def until_running(self, function: str, times: int) -> None:
        """Wait until so many invocations of a function have begun and not ended."""
        while self._get("running").get(function, 0) < times:
            pass

    def invoke(
        self, function: str, given: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run a function on inputs in the form `[kind of TypedData, value]`."""
        body = {"function": function, "input": given, "metadata": metadata or {}}
        answer: dict[str, Any] = urllib3.request(
            "POST", f"{self.url}/invoke", json=body, timeout=100, retries=False
        ).json()
        assert answer["failure"] is None, (function, answer["failure"])
        return answer

    def http(
        self,
        name: str,
        body: Any = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        **route: str,
    ) -> Answer:
        """Ask an operation of the API, with the parts of its route by their names."""
        operation = next(one for one in OPERATIONS if one.name == name)
        path = operation.path.format(**route)
        request = {
            "method": operation.method,
            "url": f"http://localhost:7071/api/{path}",
            "headers": {"host": "localhost:7071", **(headers or {})},
            "params": route,
            "query": query or {},
            "body": "" if body is None else json.dumps(body),
        }
        given = self._with_client(name, {"req": ["http", request]})
        answer = self.invoke(name, given)["return"]["http"]
        text = next(iter(answer["body"].values()))
        headers = {key.lower(): value for key, value in answer["headers"].items()}
        content = json.loads(text) if headers["content-type"] == "application/json" else text
        return Answer(int(answer["status_code"]), headers, content)

    def orchestrate(self, name: str, context: str) -> str:
        """Wake an orchestrator; its answer."""
        answer: str = self.invoke(name, {"context": ["string", context]})["return"]["json"]
        return answer

    def step(self, name: ActivityName, input_: ActivityInput) -> StepResult:
        """Run an activity, but for create_children."""
        return serialization.deserialize(StepResult, self._activity(name, input_))

    def create(self, input_: ActivityInput) -> ChunkResult:
        """Run create_children."""
        plain = self._activity(ActivityName.CREATE_CHILDREN, input_)
        return serialization.deserialize(ChunkResult, plain)

    def follow(self, job_id: str, name: ActivityName, step: int = 1) -> list[ActivityName]:
        """Run an activity and those that follow it, as the orchestrator does; their names."""
        done: list[ActivityName] = []
        following: ActivityName | None = name
        while following:
            done.append(following)
            result = self.step(following, ActivityInput(job_id, step))
            following = ACTIVITY[result.next_stage] if result.next_stage else None
            step = result.next_step
        return done

    def _activity(self, name: ActivityName, input_: ActivityInput) -> Any:
        text = json.dumps(serialization.serialize(input_))
        given = self._with_client(name, {"payload": ["string", text]})
        return json.loads(self.invoke(name, given)["return"]["json"])

    def message(self, name: str, text: str, message_id: str) -> None:
        """Hand a message of a queue to its function."""
        metadata = {
            "Id": ["string", message_id],
            "DequeueCount": ["json", "1"],
            "PopReceipt": ["string", "receipt"],
            "InsertionTime": ["json", '"2026-11-25T12:00:00+00:00"'],
            "ExpirationTime": ["json", '"2026-12-02T12:00:00+00:00"'],
            "NextVisibleTime": ["json", '"2026-11-25T12:10:00+00:00"'],
        }
        self.invoke(name, self._with_client(name, {"msg": ["string", text]}), metadata)

    def tick(self, name: str) -> None:
        """Let a timer's function run."""
        due = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
        self.invoke(name, self._with_client(name, {"timer": ["json", json.dumps(due)]}))

    def _get(self, path: str) -> Any:
        return urllib3.request("GET", f"{self.url}/{path}", timeout=60).json()

    def _with_client(self, function: str, given: dict[str, Any]) -> dict[str, Any]:
        takes = any(one["type"] == "durableClient" for one in self.functions()[function])
        return {**given, "client": ["string", self.durable.binding]} if takes else given


def is_required() -> bool:
    return os.environ.get(REQUIRED) == "1"  # noqa: TID251  a setting of the tests, not of the app
