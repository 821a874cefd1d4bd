"""The served kinds of resources, and their discovery documents."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
"""A JSON object as Kubernetes writes it."""

_NAMES = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, eq=False)
class ResourceKind:
    """A kind of resource.

    `verbs` are Kubernetes' own; `fields` are the paths that a field selector may use.
    """

    group: str
    version: str
    plural: str
    name: str
    short: str
    verbs: tuple[str, ...]
    namespaced: bool = True
    fields: tuple[str, ...] = _NAMES

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """The path of the kind's API group, without a trailing slash."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def qualified(self) -> str:
        """The name in messages: `jobs.batch`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete", "deletecollection")

JOBS = ResourceKind("batch", "v1", "jobs", "Job", "", _READ + _WRITE)
PODS = ResourceKind(
    "", "v1", "pods", "Pod", "po",
    (*_READ, "delete", "deletecollection"),
    fields=(*_NAMES, "status.phase", "spec.nodeName"),
)  # fmt: skip
LEASES = ResourceKind("coordination.k8s.io", "v1", "leases", "Lease", "", _READ + _WRITE)
NAMESPACES = ResourceKind(
    "", "v1", "namespaces", "Namespace", "ns", (*_READ, "create"), namespaced=False
)
EVENTS = ResourceKind(
    "", "v1", "events", "Event", "ev", _READ,
    fields=(
        *_NAMES,
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "reason",
    ),
)  # fmt: skip

KINDS = (JOBS, PODS, LEASES, NAMESPACES, EVENTS)

VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+local",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "local",
}
"""The version whose behaviour is implemented; kubectl compares it with its own."""


def documents() -> dict[str, Json]:
    """All discovery documents by path, as clients of 1.20 to 1.32 read them."""
    groups = [_group(kind) for kind in KINDS if kind.group]
    documents_by_path: dict[str, Json] = {
        "/version": VERSION,
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    for group in groups:
        documents_by_path[f"/apis/{group['name']}"] = {
            "kind": "APIGroup",
            "apiVersion": "v1",
            **group,
        }
    for root in {kind.root for kind in KINDS}:
        documents_by_path[root] = _resources([kind for kind in KINDS if kind.root == root])
    return documents_by_path


def _group(kind: ResourceKind) -> Json:
    version = {"groupVersion": kind.api_version, "version": kind.version}
    return {"name": kind.group, "versions": [version], "preferredVersion": version}


def _resources(kinds: list[ResourceKind]) -> Json:
    entries = [_entry(kind) for kind in kinds]
    if PODS in kinds:
        log = {"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod"}
        entries.append({**log, "verbs": ["get"]})
    version = kinds[0].api_version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": version,
        "resources": entries,
    }


def _entry(kind: ResourceKind) -> Json:
    entry: Json = {
        "name": kind.plural,
        "singularName": kind.name.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": list(kind.verbs),
    }
    return {**entry, "shortNames": [kind.short]} if kind.short else entry
