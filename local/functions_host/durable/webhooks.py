"""The HTTP API of Durable Functions, as the SDK's client and an operator's curl speak it."""

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
from local.functions_host.durable.shown import shown_history, shown_instance
from local.functions_host.durable.store import Instance, Store

ROOT = "/runtime/webhooks/durabletask"
_ID = re.compile(r"(?!@)[^/\\#?\x00-\x1f\x7f-\x9f]{1,256}")
"""What Azure Storage takes as a key; what begins with @ is an entity."""
PAGE = 100
"""Instances in one answer, which is all that the SDK's client reads."""


@dataclass(frozen=True)
class Webhooks:
    """Handlers over an engine and its store."""

    engine: Engine
    store: Store

    def routes(self) -> list[web.RouteDef]:
        here = f"{ROOT}/instances"
        return [
            web.post(f"{ROOT}/orchestrators/{{name}}", self.start),
            web.post(f"{ROOT}/orchestrators/{{name}}/{{id}}", self.start),
            web.get(f"{here}", self.list),
            web.get(f"{here}/", self.list),
            web.get(f"{here}/{{id}}", self.status),
            web.post(f"{here}/{{id}}/raiseEvent/{{event}}", self.raise_event),
            web.post(f"{here}/{{id}}/terminate", self.terminate),
            web.post(f"{here}/{{id}}/suspend", self.suspend),
            web.post(f"{here}/{{id}}/resume", self.resume),
            web.post(f"{here}/{{id}}/restart", self.restart),
            web.post(f"{here}/{{id}}/rewind", _not_offered),
            web.delete(f"{here}/{{id}}", self.purge),
            web.delete(f"{here}", self.purge_many),
            web.delete(f"{here}/", self.purge_many),
            web.route("*", f"{ROOT}/entities{{rest:.*}}", _not_offered),
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
            begun = await self.engine.start(name, instance_id, text)
        except LookupError:
            said = f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator."
            return _json({"Message": said, "ExceptionMessage": said}, 400)
        if begun is None:
            said = f"An Orchestration instance with the status Running and id {instance_id} exists."
            return _json({"Message": said}, 409)
        return _json(links(_base(request), instance_id), 202)

    async def status(self, request: web.Request) -> web.Response:
        one = await self._find(request)
        if one is None:
            return _unknown(request)
        with_input = _flag(request, "showInput", default=True)
        shown = shown_instance(one, with_input)
        if _flag(request, "showHistory"):
            events = await self.engine.ask(self.store.history, one.id)
            with_outputs = _flag(request, "showHistoryOutput")
            shown["historyEvents"] = shown_history(events, with_input, with_outputs)
        return _json(shown, 200 if one.has_ended else 202)

    async def list(self, request: web.Request) -> web.Response:
        found = await self.engine.ask(self.store.instances, _filter(request))
        skip = _number(request.headers.get("x-ms-continuation-token") or "0")
        size = _number(request.query.get("top", str(PAGE)))
        with_input = _flag(request, "showInput", default=True)
        shown = [shown_instance(one, with_input) for one in found[skip : skip + size]]
        more = str(skip + size) if len(found) > skip + size else ""
        answer = _json(shown)
        answer.headers["x-ms-continuation-token"] = more
        return answer

    async def raise_event(self, request: web.Request) -> web.Response:
        body = await _json_text(request)
        if request.content_type != "application/json" or body is None:
            return _json({"Message": "Only application/json request content is supported"}, 400)
        name = request.match_info["event"]
        return await self._tell(request, Type.EVENT_RAISED, Name=name, Input=body)

    async def terminate(self, request: web.Request) -> web.Response:
        reason = json.dumps(request.query.get("reason", ""))
        return await self._tell(request, Type.EXECUTION_TERMINATED, Input=reason)

    async def suspend(self, request: web.Request) -> web.Response:
        reason = request.query.get("reason", "")
        return await self._tell(request, Type.EXECUTION_SUSPENDED, Reason=reason)

    async def resume(self, request: web.Request) -> web.Response:
        reason = request.query.get("reason", "")
        return await self._tell(request, Type.EXECUTION_RESUMED, Reason=reason)

    async def restart(self, request: web.Request) -> web.Response:
        one = await self._find(request)
        if one is None:
            return _unknown(request, 400)
        fresh = _flag(request, "restartWithNewInstanceId", default=True)
        return await self._start(
            request, one.name, uuid.uuid4().hex if fresh else one.id, one.input
        )

    async def purge(self, request: web.Request) -> web.Response:
        if not await self.engine.ask(self.store.purge, request.match_info["id"]):
            return _unknown(request)
        return _json({"instancesDeleted": 1})

    async def purge_many(self, request: web.Request) -> web.Response:
        if "createdTimeFrom" not in request.query:
            return _json({"Message": "createdTimeFrom is missing."}, 400)
        found = await self.engine.ask(self.store.instances, _filter(request))
        purged = [await self.engine.ask(self.store.purge, one.id) for one in found]
        return _json({"instancesDeleted": sum(purged)}, 200 if any(purged) else 404)

    async def _find(self, request: web.Request) -> Instance | None:
        return await self.engine.ask(self.store.instance, request.match_info["id"])

    async def _tell(self, request: web.Request, kind: Type, **fields: Any) -> web.Response:
        one = await self._find(request)
        if one is None:
            return _unknown(request)
        if one.has_ended:
            return _json({"Message": f"The instance {one.id} is {one.status}."}, 410)
        await self.engine.send(one.id, kind, **fields)
        return web.Response(status=202)


def links(base: str, instance_id: str) -> dict[str, str]:
    """The addresses by which an instance is managed."""
    at = f"{base}{ROOT}/instances/{instance_id}"
    return {
        "id": instance_id,
        "statusQueryGetUri": at,
        "sendEventPostUri": f"{at}/raiseEvent/{{eventName}}",
        "terminatePostUri": f"{at}/terminate?reason={{text}}",
        "rewindPostUri": f"{at}/rewind?reason={{text}}",
        "purgeHistoryDeleteUri": at,
        "restartPostUri": f"{at}/restart",
        "suspendPostUri": f"{at}/suspend?reason={{text}}",
        "resumePostUri": f"{at}/resume?reason={{text}}",
    }


def client_binding(base: str, hub: str) -> str:
    """What a function with a durable client input is handed."""
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

    def wanted(one: Instance) -> bool:
        created = instant(one.created)
        return (
            one.id.startswith(prefix)
            and (not statuses or one.status in statuses)
            and (since is None or created >= since)
            and (until is None or created <= until)
        )

    return wanted


def _time(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    try:
        return instant(text) if text else None
    except ValueError:
        raise web.HTTPBadRequest(text=f"{name} is no time such as 2030-01-01T00:00:00Z") from None


def _number(text: str) -> int:
    if not text.isdecimal():
        raise web.HTTPBadRequest(text=f"{text!r} is no number")
    return int(text)


def _flag(request: web.Request, name: str, default: bool = False) -> bool:
    return request.query.get(name, str(default)).lower() == "true"


async def _json_text(request: web.Request) -> str | None:
    """The body, in UTF-8 whatever it says of itself; None where it is not JSON."""
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


async def _not_offered(request: web.Request) -> web.Response:
    return _json({"Message": f"{request.path} is not offered by this host."}, 501)
