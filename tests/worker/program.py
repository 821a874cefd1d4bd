"""Runs an app in Azure's Python worker, and invokes its functions over HTTP for tests.

Usage: python -m tests.worker.program APP, on Python 3.13. Prints `ready URL` once the worker has
indexed the app, or exits with the worker's error. Serves GET /functions, /logs and
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

INVOCATION_TIMEOUT = 300.0
"""Seconds per invocation: host.json's functionTimeout."""
protos = Protos()


class InvocationTask(asyncio.Task[Any]):
    """A task with the id of its invocation, inherited by the tasks that it starts."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        parent = asyncio.current_task(self.get_loop())
        self.invocation: str | None = getattr(parent, "invocation", None)


class Lines(logging.Handler):
    """Records every log line with the invocation id that the worker would send."""

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
    """The task's invocation id, or in a thread without a loop, the worker's ContextVar."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    text: str | None = getattr(task, "invocation", None) or runtime.invocation_id_cv.get()
    return text


class Worker:
    """The worker and its indexed functions."""

    def __init__(self, metadata: list[Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.functions = {item.name: item for item in metadata}
        self.running: Counter[str] = Counter()

    def bindings(self) -> dict[str, Any]:
        """The bindings of each function, as the worker reports them to the host."""
        result = self.functions.values()
        return {item.name: [json.loads(raw) for raw in item.raw_bindings] for item in result}

    async def invoke(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function, given as `{"function": name, "input": {name: [kind, value]}}`."""
        invocation_id, name = str(uuid.uuid4()), fields["function"]
        asyncio.current_task().invocation = invocation_id  # type: ignore[union-attr]
        inputs = {key: typed_data(*_bytes(value)) for key, value in fields["input"].items()}
        metadata = {key: typed_data(*value) for key, value in fields.get("metadata", {}).items()}
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
    """Convert the body of an HTTP request to bytes."""
    if value[0] == "http":
        value[1]["body"] = value[1].get("body", "").encode()
    return value


def _plain(value: Any) -> Any:
    """A message as JSON values."""
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
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        future = asyncio.run_coroutine_threadsafe(self.worker.invoke(fields), self.worker.loop)
        self._answer(future.result(INVOCATION_TIMEOUT))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: the log is the worker's."""

    def _answer(self, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # tests send many requests at once
    daemon_threads = True


async def main(app: Path) -> None:
    asyncio.get_running_loop().set_task_factory(
        lambda loop, coroutine, **options: InvocationTask(coroutine, loop=loop, **options)
    )
    Handler.lines = Lines()
    logging.basicConfig(level=logging.INFO, handlers=[Handler.lines])
    runtime.start_threadpool_executor()
    init_request = Message(function_app_directory=str(app), capabilities={}, host_version="4")
    init_response = await runtime.worker_init_request(_request(worker_init_request=init_request))
    if init_response.result.status != protos.StatusResult.Success:
        sys.exit(init_response.result.exception.message)
    result = await runtime.functions_metadata_request(
        _request(functions_metadata_request=init_request)
    )
    Handler.worker = Worker(result.function_metadata_results)
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"ready http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(folder))
    asyncio.run(main(folder))
