"""A client in place of the Functions host: invokes functions with the host's inputs."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from blast_orchestrator.workflow import ACTIVITY
from local.package import copy_package
from local.processes import Child, start
from local.stack import PROJECT, Stack
from shared.contracts import serialization
from shared.contracts.activities import ActivityInput, ActivityName, ChunkResult, StepResult
from tests.worker.durable import Extension
from triggers.http.routes import OPERATIONS

PYTHON = PROJECT / ".state/worker/bin/python"
"""The Python of Azure's worker; created by `make worker`."""
REQUIRED = "REQUIRE_WORKER"
"""If set to 1, tests fail instead of being skipped without that environment."""
THREADS = 4
"""The worker's threads for sync functions."""


def start_worker(app: Path, log: Path, settings: dict[str, str]) -> Child:
    """Start Azure's worker with the app in a folder. Raises StartError with its message."""
    argv = [str(PYTHON), "-m", "tests.worker.program", str(app)]
    env = {"PYTHON_THREADPOOL_THREAD_COUNT": str(THREADS), **settings}
    return start("worker", argv, log, env, cwd=PROJECT)


class WorkerStack(Stack):
    """Storage, cluster and sidecar, with Azure's worker instead of the functions host.

    The worker runs the package that would be deployed, not the project.
    """

    def start_host(self) -> Child:
        package = copy_package(self.folder / "package")
        return self._track(start_worker(package, self._log("worker"), self._environment()))


@dataclass(frozen=True)
class Answer:
    """The response of an HTTP function."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Host:
    """Invokes functions of a worker. Every method asserts that the invocation succeeded."""

    url: str
    durable: Extension

    def functions(self) -> dict[str, list[dict[str, Any]]]:
        """The bindings of each function that the worker has indexed."""
        result: dict[str, Any] = self._get("functions")
        return result

    def lines(self, **wanted: str) -> list[dict[str, Any]]:
        """The log lines with these fields, such as `logger="blast"`."""
        return [item for item in self._get("logs") if wanted.items() <= item.items()]

    def until_running(self, function: str, times: int) -> None:
        """Wait until `times` invocations of a function are running."""
        while self._get("running").get(function, 0) < times:
            pass

    def invoke(
        self, function: str, inputs: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run a function on inputs of the form `[kind of TypedData, value]`."""
        body = {"function": function, "input": inputs, "metadata": metadata or {}}
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
        """Call an API operation, with its route parameters as keywords."""
        operation = next(item for item in OPERATIONS if item.name == name)
        path = operation.path.format(**route)
        request = {
            "method": operation.method,
            "url": f"http://localhost:7071/api/{path}",
            "headers": {"host": "localhost:7071", **(headers or {})},
            "params": route,
            "query": query or {},
            "body": "" if body is None else json.dumps(body),
        }
        inputs = self._with_client(name, {"req": ["http", request]})
        answer = self.invoke(name, inputs)["return"]["http"]
        text = next(iter(answer["body"].values()))
        headers = {key.lower(): value for key, value in answer["headers"].items()}
        content = json.loads(text) if headers["content-type"] == "application/json" else text
        return Answer(int(answer["status_code"]), headers, content)

    def orchestrate(self, name: str, context: str) -> str:
        """Run an orchestrator; returns its state as JSON."""
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
        """Run a queue function on a message."""
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
        """Run a timer function."""
        due = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
        self.invoke(name, self._with_client(name, {"timer": ["json", json.dumps(due)]}))

    def _get(self, path: str) -> Any:
        return urllib3.request("GET", f"{self.url}/{path}", timeout=60).json()

    def _with_client(self, function: str, inputs: dict[str, Any]) -> dict[str, Any]:
        takes = any(item["type"] == "durableClient" for item in self.functions()[function])
        return {**inputs, "client": ["string", self.durable.binding]} if takes else inputs


def is_required() -> bool:
    return os.environ.get(REQUIRED) == "1"  # noqa: TID251  a test setting, not the app's
