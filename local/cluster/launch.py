"""Turns a container's spec into the command, environment and folder of a local process."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.cluster.pods import HELD, HOLDS, held_for
from local.cluster.resources import Json

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][\w.-]*)\)")
_FIELD = re.compile(r"(metadata|spec|status)\.(\w+)")
_ENTRY = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ContainerCannotStart(Exception):
    """A container that stays waiting, with Kubernetes' reason and a message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class LaunchSpec:
    """The command, environment and folder of a container's process."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


def prepare(pod: Json, container: Json, folder: Path, path: str) -> LaunchSpec:
    """Prepare the start of a container; `folder` is shared by the pod's containers.

    The environment is the container's own plus PATH (`path`), HOME, LANG and HOSTNAME; nothing
    else of the cluster's environment is passed. Raises ContainerCannotStart.
    """
    _check_held(pod, container)
    if not container.get("command"):
        image = container.get("image", "")
        message = f'cannot run the image "{image}": only containers with a command are supported'
        raise ContainerCannotStart("ErrImagePull", message)
    env = {
        "PATH": path,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "HOSTNAME": pod["metadata"]["name"],
    }
    if container.get("envFrom"):
        raise ContainerCannotStart("CreateContainerConfigError", "envFrom is not supported")
    for entry in container.get("env") or []:
        env[entry["name"]] = _value(pod, entry, env)
    argv = [*container["command"], *(container.get("args") or [])]
    cwd = folder / container.get("workingDir", "")
    return LaunchSpec(tuple(_expand(str(part), env) for part in argv), env, cwd)


def _check_held(pod: Json, container: Json) -> None:
    if reason := held_for(pod):
        message = HOLDS.get(reason, f"held by the annotation {HELD}")
        raise ContainerCannotStart(reason, message.format(image=container.get("image", "")))


def _expand(text: str, env: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable's value and `$$` by a dollar; keep unknown names."""
    return _REFERENCE.sub(
        lambda match: "$" if match[0] == "$$" else env.get(match[1], match[0]), text
    )


def _value(pod: Json, entry: Json, env: Mapping[str, str]) -> str:
    source = entry.get("valueFrom")
    if not source:
        return _expand(str(entry.get("value", "")), env)
    path = str(source.get("fieldRef", {}).get("fieldPath", ""))
    if match := _ENTRY.fullmatch(path):
        return str((pod["metadata"].get(match[1]) or {}).get(match[2], ""))
    if match := _FIELD.fullmatch(path):
        return str(pod[match[1]].get(match[2], ""))
    sources = ", ".join(source)
    message = f"the variable {entry['name']} comes from {sources}, which is not supported"
    raise ContainerCannotStart("CreateContainerConfigError", message)
