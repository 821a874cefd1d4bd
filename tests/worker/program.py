"""The functions of an app in Azure's own Python worker, to be invoked by tests over HTTP.

usage: python -m tests.worker.program APP, on Python 3.13. It prints `ready URL` once the worker has
indexed the app, or ends with what the worker says against it. It answers GET /functions, /logs and
/running, and POST /invoke.
"""

import asyncio
import json
import logging
import sys
import threading
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import azure_functions_runtime as runtime

from tests.worker.protos import Message, Protos, invocation, typed_data

PATIENCE = 300.0
"""Seconds for one invocation: as long as host.json lets a function run."""
protos = Protos()


class InvocationTask(asyncio.Task[Any]):
    """A task that knows its invocation, as does every task that it starts."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        parent = asyncio.current_task(self.get_loop())
        self.invocation: str | None = getattr(parent, "invocation", None)


class Lines(logging.Handler):
    """Every log line, with the invocation that the worker would send to the host with it."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = {
            "logger": record.name,
            "level": record.levelname,
            "message": record.getMessage(),
            "thread": threading.current_thread().name,
            "invocation": _current_invocation(),
        }
        self.kept.append(line)


def _current_invocation() -> str | None:
    """The task's; in a thread that runs no loop, what the worker's ContextVar says."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    text: str | None = getattr(task, "invocation", None) or runtime.invocation_id_cv.get()
    return text


class Worker:
    """The worker with the functions that it indexed."""

    def __init__(self, metadata: list[Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.functions = {one.name: one for one in metadata}
        self.running: Counter[str] = Counter()

    def bindings(self) -> dict[str, Any]:
        """The bindings of each function, as the host is told."""
        found = self.functions.values()
        return {one.name: [json.loads(raw) for raw in one.raw_bindings] for one in found}

    async def invoke(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function; what it is given is said as `{"input": {name: [kind, value]}}`."""
        invocation_id, name = str(uuid.uuid4()), asked["function"]
        asyncio.current_task().invocation = invocation_id  # type: ignore[union-attr]
        inputs = {key: typed_data(*_bytes(value)) for key, value in asked["input"].items()}
        metadata = {key: typed_data(*value) for key, value in asked.get("metadata", {}).items()}
        function_id = self.functions[name].function_id
        request = invocation(invocation_id, function_id, inputs, metadata)
        self.running[name] += 1
        try:
            answer = await runtime.invocation_request(_request(invocation_request=request))
        finally:
            self.running[name] -= 1
        failed = answer.result.status != protos.StatusResult.Success
        return {
            "invocation": invocation_id,
            "failure": answer.result.exception.message if failed else None,
            "return": None if failed else _plain(answer.return_value),
        }


def _request(**content: Any) -> Message:
    properties = {"host": "127.0.0.1", "protos": protos}
    return Message(request=Message(request_id="test", **content), properties=properties)


def _bytes(value: list[Any]) -> list[Any]:
    """The same with the body of an HTTP request as bytes."""
    if value[0] == "http":
        value[1]["body"] = value[1].get("body", "").encode()
    return value


def _plain(value: Any) -> Any:
    """A message as JSON says it."""
    if isinstance(value, Message):
        return {name: _plain(part) for name, part in vars(value).items()}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value.decode() if isinstance(value, bytes) else value


class Handler(BaseHTTPRequestHandler):
    worker: ClassVar[Worker]
    lines: ClassVar[Lines]

    def do_GET(self) -> None:
        answers = {
            "/logs": lambda: list(self.lines.kept),
            "/running": lambda: dict(self.worker.running),
            "/functions": self.worker.bindings,
        }
        self._answer(answers[self.path]())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        future = asyncio.run_coroutine_threadsafe(self.worker.invoke(asked), self.worker.loop)
        self._answer(future.result(PATIENCE))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the log is the worker's."""

    def _answer(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # tests ask many things at once
    daemon_threads = True


async def main(app: Path) -> None:
    asyncio.get_running_loop().set_task_factory(
        lambda loop, coroutine, **options: InvocationTask(coroutine, loop=loop, **options)
    )
    Handler.lines = Lines()
    logging.basicConfig(level=logging.INFO, handlers=[Handler.lines])
    runtime.start_threadpool_executor()
    begin = Message(function_app_directory=str(app), capabilities={}, host_version="4")
    begun = await runtime.worker_init_request(_request(worker_init_request=begin))
    if begun.result.status != protos.StatusResult.Success:
        sys.exit(begun.result.exception.message)
    found = await runtime.functions_metadata_request(_request(functions_metadata_request=begin))
    Handler.worker = Worker(found.function_metadata_results)
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"ready http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(folder))
    asyncio.run(main(folder))
