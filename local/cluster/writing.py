"""The requests that write: create, update, patch, delete, and the deletion of a selection."""

import json
from typing import Any

from aiohttp import web

from local.cluster import removal
from local.cluster.admission import admit_change, admit_new
from local.cluster.cluster import LocalCluster
from local.cluster.kinds import JOBS, NAMESPACES, PODS, Json, ResourceKind
from local.cluster.problems import ApiError, already_exists, bad_request, conflict, not_found
from local.cluster.reading import Reader, answer
from local.cluster.store import StoredObject

_MERGES = ("application/merge-patch+json", "application/strategic-merge-patch+json")


class Writer:
    """Answers the writing requests for one kind.

    Between reading the body and answering there is no await, so each request is one step; the
    cluster draws its conclusions, and all is on disk, before the answer leaves.
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
        return self._answer(request, self._store.add(self._kind, obj), 201)

    async def update(self, request: web.Request) -> web.Response:
        return self._change(request, await _body(request))

    async def patch(self, request: web.Request) -> web.Response:
        if request.content_type not in _MERGES:
            why = f"only merge patches are served here, not {request.content_type}"
            raise ApiError(415, "UnsupportedMediaType", why)
        body = await _body(request)
        return self._change(request, _merge(self._reader.find(request).obj, body))

    async def delete(self, request: web.Request) -> web.Response:
        options = await _options(request)
        record = self._reader.find(request)
        self._require(record, options.get("preconditions") or {})
        self._remove(record, options)
        self._cluster.controller.settle()
        left = self._store.get(self._kind, *record.key)
        if self._kind is PODS or (left and left.uid == record.uid):
            return answer((left or record).text)
        return answer(json.dumps(self._success(record)))

    async def delete_selected(self, request: web.Request) -> web.Response:
        options = await _options(request)
        found = self._reader.selected(request)
        for record in found:
            self._remove(record, options)
        self._cluster.controller.settle()
        meta = {"resourceVersion": str(self._store.version)}
        return answer(self._reader.view(request).many(found, meta))

    def _change(self, request: web.Request, body: object) -> web.Response:
        before = self._reader.find(request)
        obj = admit_change(self._kind, body, before.obj)
        return self._answer(request, self._store.replace(self._kind, obj), 200)

    def _answer(self, request: web.Request, record: StoredObject, code: int) -> web.Response:
        self._cluster.controller.settle()
        return answer(self._reader.view(request).one(record), code)

    def _remove(self, record: StoredObject, options: Json) -> None:
        """Delete by the policy asked for; as in batch/v1, Jobs orphan their pods if none is."""
        usual = removal.ORPHAN if self._kind is JOBS else removal.BACKGROUND
        policy = options.get("propagationPolicy") or usual
        if policy not in removal.POLICIES:
            raise bad_request(f"invalid propagation policy: {policy!r}")
        grace = options.get("gracePeriodSeconds")
        now = self._cluster.clock()
        removal.delete(self._store, self._kind, record, policy, now, grace)

    def _require(self, record: StoredObject, preconditions: Json) -> None:
        for name, has in (("uid", record.uid), ("resourceVersion", record.version)):
            if preconditions.get(name, has) != has:
                why = f"Precondition failed: {name} in precondition differs"
                raise conflict(self._kind, record.key[1], why)

    def _success(self, record: StoredObject) -> Json:
        about = {"name": record.key[1], "group": self._kind.group, "kind": self._kind.plural}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {**about, "uid": record.uid},
        }


async def _body(request: web.Request) -> Any:
    if "dryRun" in request.query:
        raise bad_request("dryRun is not served here")
    if "json" not in request.headers.get("Content-Type", "json"):
        raise ApiError(
            415, "UnsupportedMediaType", f"only JSON is read here, not {request.content_type}"
        )
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise bad_request(f"the body of the request is not JSON: {error}") from error


async def _options(request: web.Request) -> Json:
    """The options of a deletion, from the query and, where there is one, the body."""
    body = await _body(request) if await request.read() else {}
    if not isinstance(body, dict):
        raise bad_request("the body of the request is not DeleteOptions")
    if "dryRun" in request.query or body.get("dryRun"):
        raise bad_request("dryRun is not served here")
    options: Json = {key: its for key, its in body.items() if its is not None}
    if "propagationPolicy" in request.query:
        options["propagationPolicy"] = request.query["propagationPolicy"]
    grace = request.query.get("gracePeriodSeconds", options.get("gracePeriodSeconds"))
    if grace is not None:
        if not str(grace).isdecimal():
            raise bad_request(f"gracePeriodSeconds is not a whole number: {grace!r}")
        options["gracePeriodSeconds"] = int(grace)
    return options


def _merge(target: object, patch: object) -> object:
    """RFC 7396: members replace members, null removes, everything else is replaced."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged
