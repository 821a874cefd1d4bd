"""Write requests: create, update, patch, delete, and delete by selector."""

import json
from typing import Any

from aiohttp import web

from local.cluster import deletion
from local.cluster.admission import admit_change, admit_new
from local.cluster.api_errors import (
    ApiError,
    already_exists,
    bad_request,
    conflict,
    not_found,
    quota_exceeded,
)
from local.cluster.cluster import LocalCluster
from local.cluster.read_requests import Reader, json_response
from local.cluster.resources import JOBS, NAMESPACES, PODS, Json, ResourceKind
from local.cluster.store import StoredObject

_MERGES = ("application/merge-patch+json", "application/strategic-merge-patch+json")


class Writer:
    """Handles the write requests for one kind.

    There is no await between reading the body and responding, so each request is atomic; the
    controller has settled and all is committed before the response is sent.
    """

    def __init__(self, cluster: LocalCluster, kind: ResourceKind, reader: Reader) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._kind = kind
        self._reader = reader

    async def create(self, request: web.Request) -> web.Response:
        body = await _body(request)
        namespace = request.match_info.get("namespace", "")
        if namespace and self._store.get(NAMESPACES, "", namespace) is None:
            raise not_found(NAMESPACES, namespace)
        obj = admit_new(self._kind, body, namespace)
        name = obj["metadata"]["name"]
        if self._store.get(self._kind, namespace, name):
            raise already_exists(self._kind, name)
        self._check_quota(name, namespace)
        return self._answer(request, self._store.add(self._kind, obj), 201)

    async def update(self, request: web.Request) -> web.Response:
        return self._change(request, await _body(request))

    async def patch(self, request: web.Request) -> web.Response:
        if request.content_type not in _MERGES:
            message = f"only merge patches are supported, not {request.content_type}"
            raise ApiError(415, "UnsupportedMediaType", message)
        body = await _body(request)
        return self._change(request, _merge(self._reader.find(request).obj, body))

    async def delete(self, request: web.Request) -> web.Response:
        options = await _options(request)
        record = self._reader.find(request)
        self._require(record, options.get("preconditions") or {})
        self._remove(record, options)
        self._cluster.controller.settle()
        remaining = self._store.get(self._kind, *record.key)
        if self._kind is PODS or (remaining and remaining.uid == record.uid):
            return json_response((remaining or record).text)
        return json_response(json.dumps(self._success(record)))

    async def delete_selected(self, request: web.Request) -> web.Response:
        options = await _options(request)
        records = self._reader.selected(request)
        for record in records:
            self._remove(record, options)
        self._cluster.controller.settle()
        meta = {"resourceVersion": str(self._store.version)}
        return json_response(self._reader.view(request).render_list(records, meta))

    def _check_quota(self, name: str, namespace: str) -> None:
        limit, used = self._cluster.job_quota, len(self._store.every(JOBS, namespace))
        if self._kind is JOBS and limit is not None and used >= limit:
            raise quota_exceeded(self._kind, name, used, limit)

    def _change(self, request: web.Request, body: object) -> web.Response:
        before = self._reader.find(request)
        obj = admit_change(self._kind, body, before.obj)
        return self._answer(request, self._store.replace(self._kind, obj), 200)

    def _answer(self, request: web.Request, record: StoredObject, code: int) -> web.Response:
        self._cluster.controller.settle()
        return json_response(self._reader.view(request).render_object(record), code)

    def _remove(self, record: StoredObject, options: Json) -> None:
        """Delete by the requested policy; as in batch/v1, the default for Jobs is Orphan."""
        default_policy = deletion.ORPHAN if self._kind is JOBS else deletion.BACKGROUND
        policy = options.get("propagationPolicy") or default_policy
        if policy not in deletion.POLICIES:
            raise bad_request(f"invalid propagation policy: {policy!r}")
        grace = options.get("gracePeriodSeconds")
        now = self._cluster.clock()
        deletion.delete(self._store, self._kind, record, policy, now, grace)

    def _require(self, record: StoredObject, preconditions: Json) -> None:
        for name, actual in (("uid", record.uid), ("resourceVersion", record.version)):
            if preconditions.get(name, actual) != actual:
                message = f"Precondition failed: {name} in precondition differs"
                raise conflict(self._kind, record.key[1], message)

    def _success(self, record: StoredObject) -> Json:
        details = {"name": record.key[1], "group": self._kind.group, "kind": self._kind.plural}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {**details, "uid": record.uid},
        }


async def _body(request: web.Request) -> Any:
    if "dryRun" in request.query:
        raise bad_request("dryRun is not supported")
    if "json" not in request.headers.get("Content-Type", "json"):
        raise ApiError(
            415, "UnsupportedMediaType", f"only JSON is supported, not {request.content_type}"
        )
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise bad_request(f"the body of the request is not JSON: {error}") from error


async def _options(request: web.Request) -> Json:
    """The options of a deletion, from the query and the optional body."""
    body = await _body(request) if await request.read() else {}
    if not isinstance(body, dict):
        raise bad_request("the body of the request is not DeleteOptions")
    if "dryRun" in request.query or body.get("dryRun"):
        raise bad_request("dryRun is not supported")
    options: Json = {key: value for key, value in body.items() if value is not None}
    if "propagationPolicy" in request.query:
        options["propagationPolicy"] = request.query["propagationPolicy"]
    grace = request.query.get("gracePeriodSeconds", options.get("gracePeriodSeconds"))
    if grace is not None:
        if not str(grace).isdecimal():
            raise bad_request(f"gracePeriodSeconds is not a whole number: {grace!r}")
        options["gracePeriodSeconds"] = int(grace)
    return options


def _merge(target: object, patch: object) -> object:
    """RFC 7396: merge objects member by member, remove members set to null, replace the rest."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged
