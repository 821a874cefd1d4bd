"""host.json and the app settings, as far as this host supports them."""

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
"""The Python worker's setting for the number of concurrent sync functions."""
CONTAINER_NAME = "CONTAINER_NAME"
_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d+)?)")
_PLACEHOLDER = re.compile(r"%([^%\s]+)%")


class CannotStart(Exception):
    """The host cannot start; the text gives the reason in one sentence."""


@dataclass(frozen=True)
class QueueOptions:
    """`extensions.queues`."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: timedelta
    """Delay between two attempts at a message."""
    max_polling_interval: timedelta
    base64: bool


@dataclass(frozen=True)
class HostOptions:
    """The options in host.json, with the defaults of the Functions host 4."""

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
        host_json = json.loads(path.read_text())
    except (OSError, ValueError) as fault:
        raise CannotStart(f"{path} cannot be read: {fault}") from fault
    if not isinstance(host_json, dict):
        raise CannotStart(f"{path} is not a JSON object")
    return host_options(host_json)


def host_options(host_json: Mapping[str, Any]) -> HostOptions:
    """The options in a parsed host.json. Raises CannotStart."""
    extensions = host_json.get("extensions", {})
    durable = extensions.get("durableTask", {})
    return HostOptions(
        route_prefix=extensions.get("http", {}).get("routePrefix", "api"),
        function_timeout=span(host_json.get("functionTimeout", "00:30:00")),
        hub=durable.get("hubName", "TestHubName"),
        orchestrators=durable.get("maxConcurrentOrchestratorFunctions", 10),
        activities=durable.get("maxConcurrentActivityFunctions", 10),
        queues=_queue_options(extensions.get("queues", {})),
    )


def _queue_options(host_json: Mapping[str, Any]) -> QueueOptions:
    batch: int = host_json.get("batchSize", 16)
    return QueueOptions(
        batch_size=batch,
        new_batch_threshold=host_json.get("newBatchThreshold", batch // 2),
        max_dequeue_count=host_json.get("maxDequeueCount", 5),
        visibility_timeout=span(host_json.get("visibilityTimeout", "00:00:00")),
        max_polling_interval=span(host_json.get("maxPollingInterval", "00:01:00")),
        base64=host_json.get("messageEncoding", "base64") == "base64",
    )


def apply_local_settings(folder: Path) -> None:
    """Set the values of local.settings.json as environment variables, unless already set.

    Removes CONTAINER_NAME: any container can have it, this host does not run on Azure, and the
    app treats it as a sign of Azure, where it refuses the local auth mode.
    """
    os.environ.pop(CONTAINER_NAME, None)
    path = folder / "local.settings.json"
    if path.exists():
        for name, value in json.loads(path.read_text()).get("Values", {}).items():
            os.environ.setdefault(name, str(value))


def thread_count(environment: Mapping[str, str]) -> int:
    """The number of concurrent sync functions; the default is that of the worker on Azure.

    As there, a value that is not a number above 0 is ignored.
    """
    default = min(32, (os.cpu_count() or 1) + 4)
    text = environment.get(THREADS)
    if text is None:
        return default
    if not (text.strip().isdecimal() and int(text) > 0):
        log.warning("%s must be a number above 0: %s threads are used", THREADS, default)
        return default
    return int(text)


def resolve_settings(value: Any, where: str) -> Any:
    """The binding with each `%SETTING%` replaced. Raises CannotStart, which names `where`."""
    if isinstance(value, dict):
        return {name: resolve_settings(part, where) for name, part in value.items()}
    if isinstance(value, list):
        return [resolve_settings(part, where) for part in value]
    return (
        _PLACEHOLDER.sub(lambda m: setting(m[1], where), value) if isinstance(value, str) else value
    )


def setting(name: str, where: str) -> str:
    """The value of an app setting. Raises CannotStart."""
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
