"""The HTTP management API of Durable Functions, for the SDK's client and for curl."""

import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from local.functions_host.clock import instant
from local.functions_host.durable.engine import Engine
from local.functions_host.durable.history import Type
from local.functions_host.durable.store import DurableStore, Instance
from local.functions_host.durable.views import history_view, instance_view

ROOT = "/runtime/webhooks/durabletask"
_ID = re.compile(r"(?!@)[^/\\#?\x00-\x1f\x7f-\x9f]{1,256}")
"""Valid keys in Azure Storage; ids that begin with @ are entities."""
PAGE = 100
"""Instances per response; the SDK's client reads only one page."""


@dataclass(frozen=True)
class Webhooks:
    """HTTP handlers over an engine and its store."""

    engine: Engine
    store: DurableStore

    def routes(self) -> list[web.RouteDef]:
        instances_path = f"{ROOT}/instances"
        return [
            web.post(f"{ROOT}/orchestrators/{{name}}", self.start),
            web.post(f"{ROOT}/orchestrators/{{name}}/{{id}}", self.start),
            web.get(f"{instances_path}", self.list),
            web.get(f"{instances_path}/", self.list),
            web.get(f"{instances_path}/{{id}}", self.status),
            web.post(f"{instances_path}/{{id}}/raiseEvent/{{event}}", self.raise_event),
            web.post(f"{instances_path}/{{id}}/terminate", self.terminate),
            web.post(f"{instances_path}/{{id}}/suspend", self.suspend),
            web.post(f"{instances_path}/{{id}}/resume", self.resume),
            web.post(f"{instances_path}/{{id}}/restart", self.restart),
            web.post(f"{instances_path}/{{id}}/rewind", _not_supported),
            web.delete(f"{instances_path}/{{id}}", self.purge),
            web.delete(f"{instances_path}", self.purge_many),
            web.delete(f"{instances_path}/", self.purge_many),
            web.route("*", f"{ROOT}/entities{{rest:.*}}", _not_supported),
        ]

    async def start(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        instance_id = request.match_info.get("id") or uuid.uuid4().hex
        text = await _json_text(request)
        if text is None:
            return _json({"Message": "The request's body is not JSON."}, 400)
        return await self._start(request, name, instance_id, text)

    async def _start(
        self, request: web.Request, name: str, instance_id: str, text: str | None
    ) -> web.Response:
        if not _ID.fullmatch(instance_id):
            return _json({"Message": f"{instance_id!r} cannot be the id of an instance."}, 400)
        try:
            started_instance = await self.engine.start(name, instance_id, text)
        except LookupError:
            message = (
                f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator."
            )
            return _json({"Message": message, "ExceptionMessage": message}, 400)
        if started_instance is None:
            message = (
                f"An Orchestration instance with the status Running and id {instance_id} exists."
            )
            return _json({"Message": message}, 409)
        return _json(links(_base(request), instance_id), 202)

    async def status(self, request: web.Request) -> web.Response:
        instance = await self._find(request)
        if instance is None:
            return _unknown(request)
        with_input = _flag(request, "showInput", default=True)
        view = instance_view(instance, with_input)
        if _flag(request, "showHistory"):
            events = await self.engine.call_store(self.store.history, instance.id)
            with_outputs = _flag(request, "showHistoryOutput")
            view["historyEvents"] = history_view(events, with_input, with_outputs)
        return _json(view, 200 if instance.has_ended else 202)

    async def list(self, request: web.Request) -> web.Response:
        instances = await self.engine.call_store(self.store.instances, _filter(request))
        skip = _number(request.headers.get("x-ms-continuation-token") or "0")
        size = _number(request.query.get("top", str(PAGE)))
        with_input = _flag(request, "showInput", default=True)
        view = [instance_view(instance, with_input) for instance in instances[skip : skip + size]]
        continuation = str(skip + size) if len(instances) > skip + size else ""
        response = _json(view)
        response.headers["x-ms-continuation-token"] = continuation
        return response

    async def raise_event(self, request: web.Request) -> web.Response:
        body = await _json_text(request)
        if request.content_type != "application/json" or body is None:
            return _json({"Message": "Only application/json request content is supported"}, 400)
        name = request.match_info["event"]
        return await self._send_event(request, Type.EVENT_RAISED, Name=name, Input=body)

    async def terminate(self, request: web.Request) -> web.Response:
        reason = json.dumps(request.query.get("reason", ""))
        return await self._send_event(request, Type.EXECUTION_TERMINATED, Input=reason)

    async def suspend(self, request: web.Request) -> web.Response:
        reason = request.query.get("reason", "")
        return await self._send_event(request, Type.EXECUTION_SUSPENDED, Reason=reason)

    async def resume(self, request: web.Request) -> web.Response:
        reason = request.query.get("reason", "")
        return await self._send_event(request, Type.EXECUTION_RESUMED, Reason=reason)

    async def restart(self, request: web.Request) -> web.Response:
        instance = await self._find(request)
        if instance is None:
            return _unknown(request, 400)
        fresh = _flag(request, "restartWithNewInstanceId", default=True)
        return await self._start(
            request, instance.name, uuid.uuid4().hex if fresh else instance.id, instance.input
        )

    async def purge(self, request: web.Request) -> web.Response:
        if not await self.engine.call_store(self.store.purge, request.match_info["id"]):
            return _unknown(request)
        return _json({"instancesDeleted": 1})

    async def purge_many(self, request: web.Request) -> web.Response:
        if "createdTimeFrom" not in request.query:
            return _json({"Message": "createdTimeFrom is missing."}, 400)
        instances = await self.engine.call_store(self.store.instances, _filter(request))
        purged = [
            await self.engine.call_store(self.store.purge, instance.id) for instance in instances
        ]
        return _json({"instancesDeleted": sum(purged)}, 200 if any(purged) else 404)

    async def _find(self, request: web.Request) -> Instance | None:
        return await self.engine.call_store(self.store.instance, request.match_info["id"])

    async def _send_event(self, request: web.Request, kind: Type, **fields: Any) -> web.Response:
        instance = await self._find(request)
        if instance is None:
            return _unknown(request)
        if instance.has_ended:
            return _json({"Message": f"The instance {instance.id} is {instance.status}."}, 410)
        await self.engine.send(instance.id, kind, **fields)
        return web.Response(status=202)


def links(base: str, instance_id: str) -> dict[str, str]:
    """The management URLs of an instance."""
    instance_url = f"{base}{ROOT}/instances/{instance_id}"
    return {
        "id": instance_id,
        "statusQueryGetUri": instance_url,
        "sendEventPostUri": f"{instance_url}/raiseEvent/{{eventName}}",
        "terminatePostUri": f"{instance_url}/terminate?reason={{text}}",
        "rewindPostUri": f"{instance_url}/rewind?reason={{text}}",
        "purgeHistoryDeleteUri": instance_url,
        "restartPostUri": f"{instance_url}/restart",
        "suspendPostUri": f"{instance_url}/suspend?reason={{text}}",
        "resumePostUri": f"{instance_url}/resume?reason={{text}}",
    }


def client_binding(base: str, hub: str) -> str:
    """The value of a durable client input binding."""
    create = f"{base}{ROOT}/orchestrators/{{functionName}}[/{{instanceId}}]"
    return json.dumps(
        {
            "taskHubName": hub,
            "creationUrls": {
                "createNewInstancePostUri": create,
                "createAndWaitOnNewInstancePostUri": create,
            },
            "managementUrls": links(base, "INSTANCEID"),
            "baseUrl": f"{base}{ROOT}",
            "requiredQueryStringParameters": "",
            "rpcBaseUrl": f"{base}{ROOT}/",
        }
    )


def _filter(request: web.Request) -> Any:
    statuses = {part for part in request.query.get("runtimeStatus", "").split(",") if part}
    since, until = (_time(request, name) for name in ("createdTimeFrom", "createdTimeTo"))
    prefix = request.query.get("instanceIdPrefix", "")

    def is_wanted(instance: Instance) -> bool:
        created = instant(instance.created)
        return (
            instance.id.startswith(prefix)
            and (not statuses or instance.status in statuses)
            and (since is None or created >= since)
            and (until is None or created <= until)
        )

    return is_wanted


def _time(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    try:
        return instant(text) if text else None
    except ValueError:
        message = f"{name} is not a time such as 2030-01-01T00:00:00Z: {text!r}"
        raise web.HTTPBadRequest(text=message) from None


def _number(text: str) -> int:
    if not text.isdecimal():
        raise web.HTTPBadRequest(text=f"{text!r} is not a number")
    return int(text)


def _flag(request: web.Request, name: str, default: bool = False) -> bool:
    return request.query.get(name, str(default)).lower() == "true"


async def _json_text(request: web.Request) -> str | None:
    """The body as UTF-8, whatever its charset; None if it is not JSON."""
    try:
        text = (await request.read()).decode() or "null"
        json.loads(text)
    except ValueError:
        return None
    return text


def _base(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


def _json(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


def _unknown(request: web.Request, status: int = 404) -> web.Response:
    return _json({"Message": f"No instance with ID {request.match_info['id']} found."}, status)


async def _not_supported(request: web.Request) -> web.Response:
    return _json({"Message": f"{request.path} is not supported by this host."}, 501)
