"""host.json and the app's settings, as far as this host heeds them."""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

log = logging.getLogger("host")
THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
"""The setting of the Python worker that says how many sync functions run at once."""
CONTAINER_NAME = "CONTAINER_NAME"
_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)")
_PLACEHOLDER = re.compile(r"%([^%\s]+)%")


class CannotStart(Exception):
    """The text says in one sentence why not."""


@dataclass(frozen=True)
class QueueOptions:
    """`extensions.queues`."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: timedelta
    """Between two attempts at a message."""
    max_polling_interval: timedelta
    base64: bool


@dataclass(frozen=True)
class HostOptions:
    """What host.json says, with the defaults of the Functions host 4."""

    route_prefix: str
    function_timeout: timedelta
    hub: str
    orchestrators: int
    activities: int
    queues: QueueOptions


def read_host_options(folder: Path) -> HostOptions:
    """The options of the app in `folder`. Raises CannotStart."""
    path = folder / "host.json"
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as fault:
        raise CannotStart(f"{path} cannot be read: {fault}") from fault
    if not isinstance(found, dict):
        raise CannotStart(f"{path} holds no object")
    return host_options(found)


def host_options(found: Mapping[str, Any]) -> HostOptions:
    """The options in a host.json that has been read. Raises CannotStart."""
    extensions = found.get("extensions", {})
    durable = extensions.get("durableTask", {})
    return HostOptions(
        route_prefix=extensions.get("http", {}).get("routePrefix", "api"),
        function_timeout=span(found.get("functionTimeout", "00:30:00")),
        hub=durable.get("hubName", "TestHubName"),
        orchestrators=durable.get("maxConcurrentOrchestratorFunctions", 10),
        activities=durable.get("maxConcurrentActivityFunctions", 10),
        queues=_queue_options(extensions.get("queues", {})),
    )


def _queue_options(found: Mapping[str, Any]) -> QueueOptions:
    batch: int = found.get("batchSize", 16)
    return QueueOptions(
        batch_size=batch,
        new_batch_threshold=found.get("newBatchThreshold", batch // 2),
        max_dequeue_count=found.get("maxDequeueCount", 5),
        visibility_timeout=span(found.get("visibilityTimeout", "00:00:00")),
        max_polling_interval=span(found.get("maxPollingInterval", "00:01:00")),
        base64=found.get("messageEncoding", "base64") == "base64",
    )


def take_local_settings(folder: Path) -> None:
    """Put the values of local.settings.json into the environment, unless they are set already.

    CONTAINER_NAME is taken out: containers of any kind have it, and this host does not run on
    Azure, where an app takes it for a sign of Azure and refuses to let everybody in.
    """
    os.environ.pop(CONTAINER_NAME, None)
    path = folder / "local.settings.json"
    if path.exists():
        for name, value in json.loads(path.read_text()).get("Values", {}).items():
            os.environ.setdefault(name, str(value))


def thread_count(environment: Mapping[str, str]) -> int:
    """How many sync functions run at once: by default as many as in the worker on Azure.

    A value that is no number above 0 counts for nothing, as there.
    """
    default = min(32, (os.cpu_count() or 1) + 4)
    text = environment.get(THREADS)
    if text is None:
        return default
    if not (text.strip().isdecimal() and int(text) > 0):
        log.warning("%s must be a number above 0: %s threads are used", THREADS, default)
        return default
    return int(text)


def resolved(value: Any, where: str) -> Any:
    """A binding with each `%SETTING%` replaced. Raises CannotStart that names `where`."""
    if isinstance(value, dict):
        return {name: resolved(part, where) for name, part in value.items()}
    if isinstance(value, list):
        return [resolved(part, where) for part in value]
    return (
        _PLACEHOLDER.sub(lambda m: setting(m[1], where), value) if isinstance(value, str) else value
    )


def setting(name: str, where: str) -> str:
    """The app setting of that name. Raises CannotStart."""
    if name not in os.environ:
        raise CannotStart(f"{where} needs the setting {name}, which is not set")
    return os.environ[name]


def span(text: str) -> timedelta:
    """`1.02:03:04` or `02:03:04`, as .NET writes a duration. Raises CannotStart."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise CannotStart(f"{text!r} in host.json is not a duration such as 00:05:00")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
