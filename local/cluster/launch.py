"""From a container's spec to the command, environment and folder of a local process."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.cluster.kinds import Json
from local.cluster.pods import HELD, HOLDS, held_for

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][\w.-]*)\)")
_FIELD = re.compile(r"(metadata|spec|status)\.(\w+)")
_ENTRY = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class CannotStart(Exception):
    """A container that waits for ever, with Kubernetes' reason and a message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class LaunchSpec:
    """What a container's process is started with."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


def prepare(pod: Json, container: Json, folder: Path, path: str) -> LaunchSpec:
    """Work out how to start a container; `folder` is what the pod's containers share.

    The environment is the container's own over PATH (`path`), HOME, LANG and HOSTNAME: nothing
    else of the cluster's environment reaches it. Raises CannotStart.
    """
    _refuse_held(pod, container)
    if not container.get("command"):
        image = container.get("image", "")
        why = f'cannot run the image "{image}": only a container with a command runs here'
        raise CannotStart("ErrImagePull", why)
    env = {
        "PATH": path,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "HOSTNAME": pod["metadata"]["name"],
    }
    if container.get("envFrom"):
        raise CannotStart("CreateContainerConfigError", "envFrom is not served here")
    for entry in container.get("env") or []:
        env[entry["name"]] = _value(pod, entry, env)
    argv = [*container["command"], *(container.get("args") or [])]
    cwd = folder / container.get("workingDir", "")
    return LaunchSpec(tuple(_expand(str(part), env) for part in argv), env, cwd)


def _refuse_held(pod: Json, container: Json) -> None:
    if reason := held_for(pod):
        message = HOLDS.get(reason, f"the annotation {HELD} says so")
        raise CannotStart(reason, message.format(image=container.get("image", "")))


def _expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the variable's value, `$$` a dollar; unknown names stay as they are."""
    return _REFERENCE.sub(
        lambda found: "$" if found[0] == "$$" else env.get(found[1], found[0]), text
    )


def _value(pod: Json, entry: Json, env: Mapping[str, str]) -> str:
    source = entry.get("valueFrom")
    if not source:
        return _expand(str(entry.get("value", "")), env)
    path = str(source.get("fieldRef", {}).get("fieldPath", ""))
    if found := _ENTRY.fullmatch(path):
        return str((pod["metadata"].get(found[1]) or {}).get(found[2], ""))
    if found := _FIELD.fullmatch(path):
        return str(pod[found[1]].get(found[2], ""))
    served = ", ".join(source)
    why = f"the variable {entry['name']} comes from {served}, which is not served here"
    raise CannotStart("CreateContainerConfigError", why)
