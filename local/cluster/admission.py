"""Validates new and changed objects, and fills in the cluster's defaults."""

import re
import secrets
import uuid
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from local.cluster.api_errors import bad_request, conflict, invalid
from local.cluster.quantities import parse_quantity
from local.cluster.resources import JOBS, LEASES, Json, ResourceKind

_OWNED_BY_SERVER = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "finalizers")
_IMMUTABLE = ("template", "selector", "completions", "parallelism", "completionMode")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_DNS_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}$){_DNS_LABEL}(?:\.{_DNS_LABEL})*")
_LABEL_VALUE = r"^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
_KEY_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
LONGEST_LABEL = 63
"""Characters of a label's value; a Job's name is one of its pods."""


def _quantity(value: str | int | float) -> str | int | float:
    parse_quantity(value)
    return value


def _key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if not _KEY_NAME.fullmatch(name) or (slash and not _SUBDOMAIN.fullmatch(prefix)):
        raise ValueError(f"not the key of a label or an annotation: {text!r}")
    return text


_Quantity = Annotated[str | int | float, AfterValidator(_quantity)]
_Key = Annotated[str, AfterValidator(_key)]


class _Shape(BaseModel):
    """The fields that are validated; all others are stored as given."""

    model_config = ConfigDict(strict=True)


class _Owner(_Shape):
    uid: str
    name: str


class _Meta(_Shape):
    labels: dict[_Key, Annotated[str, Field(pattern=_LABEL_VALUE)]] = {}
    annotations: dict[_Key, str] = {}
    ownerReferences: list[_Owner] = []


class _Env(_Shape):
    name: str = Field(min_length=1)
    value: str = ""
    valueFrom: dict[str, dict[str, Any]] = {}


class _Resources(_Shape):
    requests: dict[str, _Quantity] = {}
    limits: dict[str, _Quantity] = {}

    @model_validator(mode="after")
    def _requests_are_within_limits(self) -> "_Resources":
        for name, request in self.requests.items():
            limit = self.limits.get(name, request)
            if parse_quantity(request) > parse_quantity(limit):
                raise ValueError(
                    f"{request}: must be less than or equal to {name} limit of {limit}"
                )
        return self


class _Container(_Shape):
    name: str = Field(pattern=rf"^{_LABEL.pattern}$")
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    env: list[_Env] = []
    workingDir: str = ""
    resources: _Resources = _Resources()
    restartPolicy: None = None


class _PodSpec(_Shape):
    containers: list[_Container] = Field(min_length=1)
    initContainers: list[_Container] = []
    restartPolicy: Literal["OnFailure", "Never"]
    terminationGracePeriodSeconds: int = Field(default=30, ge=0)

    @model_validator(mode="after")
    def _names_differ(self) -> "_PodSpec":
        names = [container.name for container in (*self.initContainers, *self.containers)]
        if len(names) != len(set(names)):
            raise ValueError("the names of containers must differ")
        return self


class _Template(_Shape):
    metadata: _Meta = _Meta()
    spec: _PodSpec


class _JobSpec(_Shape):
    template: _Template
    backoffLimit: int = Field(default=6, ge=0)
    activeDeadlineSeconds: int | None = Field(default=None, ge=1)
    ttlSecondsAfterFinished: int | None = Field(default=None, ge=0)
    suspend: bool = False
    parallelism: Literal[1] = 1
    completions: Literal[1] = 1
    completionMode: Literal["NonIndexed"] = "NonIndexed"


class _Job(_Shape):
    metadata: _Meta
    spec: _JobSpec


class _LeaseSpec(_Shape):
    holderIdentity: str = ""
    leaseDurationSeconds: int | None = Field(default=None, ge=1)
    leaseTransitions: int = Field(default=0, ge=0)
    acquireTime: str = ""
    renewTime: str = ""


class _Lease(_Shape):
    metadata: _Meta
    spec: _LeaseSpec = _LeaseSpec()


class _Plain(_Shape):
    metadata: _Meta


_SHAPES: dict[ResourceKind, type[_Shape]] = {JOBS: _Job, LEASES: _Lease}


def admit_new(kind: ResourceKind, body: object, namespace: str) -> Json:
    """The object to store for a create request. Raises ApiError (400, 422)."""
    obj = _object(body)
    meta = _metadata(kind, obj, namespace)
    for name in (*_OWNED_BY_SERVER, "resourceVersion", "managedFields", "selfLink"):
        meta.pop(name, None)
    base = meta.pop("generateName", "")
    name = meta.setdefault("name", f"{base}{secrets.token_hex(3)[:5]}" if base else "")
    if not _SUBDOMAIN.fullmatch(name):
        raise invalid(kind, name, "metadata.name", f"Invalid value: {name!r}")
    if kind is JOBS and len(name) > LONGEST_LABEL:
        message = f"Invalid value: {name!r}: must be no more than {LONGEST_LABEL} characters"
        raise invalid(kind, name, "spec.template.labels", message)
    full = {**obj, "metadata": meta}
    _check(kind, name, full)
    if kind is JOBS:
        return _new_job(full)
    if kind is LEASES:
        return {**full, "spec": obj.get("spec", {})}
    return {**full, "status": {"phase": "Active"}}


def admit_change(kind: ResourceKind, body: object, before: Json) -> Json:
    """The object to store in place of `before`. Raises ApiError (400, 409, 422).

    Keeps the status and the metadata that the server owns.
    """
    obj, old = _object(body), before["metadata"]
    meta = _metadata(kind, obj, old["namespace"])
    name = old["name"]
    if meta.get("name", name) != name:
        raise bad_request("the name of the object does not match the name on the URL")
    _match_version(kind, meta, old)
    kept = {key: old[key] for key in _OWNED_BY_SERVER if key in old}
    meta = {**meta, **kept, "name": name, "resourceVersion": old["resourceVersion"]}
    meta.pop("managedFields", None)
    status = {"status": before["status"]} if "status" in before else {}
    full = {**before, **obj, "metadata": meta, **status}
    _check(kind, name, full)
    if kind is JOBS:
        _check_immutable(name, full["spec"], before["spec"])
    return full


def _match_version(kind: ResourceKind, meta: Json, old: Json) -> None:
    version = meta.get("resourceVersion")
    if not version and kind is LEASES:
        raise invalid(
            kind, old["name"], "metadata.resourceVersion", "must be specified for an update"
        )
    if meta.get("uid", old["uid"]) != old["uid"]:
        raise conflict(kind, old["name"], "Precondition failed: UID in precondition differs")
    if version and version != old["resourceVersion"]:
        message = "the object has been modified; please apply your changes to the latest version"
        raise conflict(kind, old["name"], f"{message} and try again")


def _check_immutable(name: str, spec: Json, before: Json) -> None:
    for part in _IMMUTABLE:
        if spec.get(part) != before.get(part):
            raise invalid(JOBS, name, f"spec.{part}", "field is immutable")


def _object(body: object) -> Json:
    cleaned = without_nulls(body)
    if not isinstance(cleaned, dict):
        raise bad_request("the body of the request is not a JSON object")
    return cleaned


def _metadata(kind: ResourceKind, obj: Json, namespace: str) -> Json:
    given_type = obj.get("kind", kind.name), obj.get("apiVersion", kind.api_version)
    if given_type != (kind.name, kind.api_version):
        raise bad_request(
            f"expected {kind.api_version} {kind.name}, got {given_type[1]} {given_type[0]}"
        )
    meta = obj.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name", ""), str):
        raise bad_request("the object has no valid metadata")
    if not kind.namespaced:
        return dict(meta)
    if meta.get("namespace", namespace) != namespace:
        raise bad_request("the namespace of the object does not match the namespace on the URL")
    return {**meta, "namespace": namespace}


def _check(kind: ResourceKind, name: str, obj: Json) -> None:
    try:
        _SHAPES.get(kind, _Plain).model_validate(obj)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise invalid(kind, name, field, first["msg"]) from error


def _new_job(obj: Json) -> Json:
    """Fill in the defaults, the selector and its labels, as Kubernetes does."""
    meta, uid = obj["metadata"], str(uuid.uuid4())
    template = obj["spec"]["template"]
    template_meta = template.get("metadata", {})
    own = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": meta["name"],
        "controller-uid": uid,
        "job-name": meta["name"],
    }
    given = template_meta.get("labels", {})
    spec = {
        "backoffLimit": 6,
        "completions": 1,
        "parallelism": 1,
        "completionMode": "NonIndexed",
        "suspend": False,
        **obj["spec"],
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        "template": {**template, "metadata": {**template_meta, "labels": {**given, **own}}},
    }
    labels = meta.get("labels") or {**given, **own}
    return {**obj, "metadata": {**meta, "uid": uid, "labels": labels}, "spec": spec, "status": {}}


def without_nulls(value: object) -> Any:
    """The JSON without null members, which Kubernetes treats as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value
