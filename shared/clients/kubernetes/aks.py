"""AKS credentials for the app's identity: a kubeconfig from ARM and a token from Entra."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.clients.body import retry_after
from shared.clients.http_client import (
    ConnectFailed,
    OutcomeUnknown,
    Response,
    send_request,
)
from shared.clients.kubernetes.credentials import ClusterCredentials
from shared.clients.kubernetes.kubeconfig import parse, with_token
from shared.errors import Unavailable
from shared.util.addresses import Address, parse_address

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

API_SERVER_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The token scope of all AKS API servers: the application id of Microsoft's AKS server app."""
ARM_API = "2024-09-01"
ARM_TIMEOUT = 20.0
"""Seconds for one response of ARM."""
LONGEST_MESSAGE = 300
NOT_FOUND = "ResourceNotFound"
"""ARM's code for a missing resource in an existing resource group."""


@dataclass(frozen=True)
class Identity:
    """The app's identity, as a source of tokens for ARM and API servers."""

    credential: "AsyncTokenCredential"

    async def token(self, scope: str) -> tuple[str, datetime]:
        """A token and its expiry. Raises Unavailable."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            access_token = await self.credential.get_token(scope)
        except ClientAuthenticationError as error:
            text = f"Entra issues no token for the app's identity: {_first_line(str(error))}"
            raise Unavailable("cluster_refused", text) from error
        except AzureError as error:
            text = f"no token from Entra: {_first_line(str(error))}"
            raise Unavailable("cluster_unavailable", text) from error
        return access_token.token, datetime.fromtimestamp(access_token.expires_on, UTC)

    async def add_token(self, credentials: ClusterCredentials) -> ClusterCredentials:
        """The credentials with a token for AKS API servers. Raises Unavailable."""
        token, expires = await self.token(API_SERVER_SCOPE)
        return replace(credentials, token=token, expires=expires)


@dataclass(frozen=True)
class ManagedCluster:
    """One AKS cluster as an ARM resource."""

    identity: Identity
    arm: Address
    arm_scope: str
    subscription: str
    group: str
    name: str

    async def credentials(self) -> ClusterCredentials:
        """The cluster's user credentials for the app's identity. Raises Unavailable."""
        body = await self._request("POST", "/listClusterUserCredential")
        try:
            encoded = body["kubeconfigs"][0]["value"]
            text = base64.b64decode(encoded, validate=True).decode()
        except (KeyError, IndexError, TypeError, ValueError):
            raise Unavailable("cluster_unavailable", "ARM's response has no kubeconfig") from None
        return await with_token(parse(text, self.name, Path("/")), self.identity.add_token)

    async def explain(self) -> Unavailable | None:
        """Why the API server does not answer: the cluster is deleted or stopped; else None.

        Raises Unavailable if ARM does not tell.
        """
        try:
            properties = (await self._request("GET", "")).get("properties")
        except Unavailable as error:
            if error.code == "cluster_not_found":
                return error
            raise
        state = properties.get("powerState") if isinstance(properties, dict) else None
        if isinstance(state, dict) and state.get("code") == "Stopped":
            return Unavailable("cluster_stopped", f"the cluster {self.name} is stopped")
        return None

    async def _request(self, method: str, action: str) -> Mapping[str, Any]:
        providers = "/subscriptions/{}/resourceGroups/{}/providers".format(
            *(quote(part, safe="") for part in (self.subscription, self.group))
        )
        cluster = f"Microsoft.ContainerService/managedClusters/{quote(self.name, safe='')}"
        path = f"{providers}/{cluster}{action}?api-version={ARM_API}"
        response = await self._send(method, path)
        if response.status == 401:  # the token may have expired in transit
            response = await self._send(method, path)
        if response.status != 200:
            raise self._to_error(response)
        body = _parse_object(response)
        if not body:
            raise Unavailable("cluster_unavailable", "ARM's response is not a JSON object")
        return body

    async def _send(self, method: str, path: str) -> Response:
        token, _ = await self.identity.token(self.arm_scope)
        headers = {"Authorization": f"Bearer {token}", "Content-Length": "0"}
        try:
            return await send_request(self.arm, method, path, None, headers, ARM_TIMEOUT)
        except (ConnectFailed, OutcomeUnknown) as error:
            raise Unavailable("cluster_unavailable", f"ARM does not answer: {error}") from error

    def _to_error(self, response: Response) -> Unavailable:
        error = _parse_object(response).get("error")
        details = error if isinstance(error, dict) else {}
        message = _first_line(str(details.get("message") or ""))
        code = str(details.get("code") or "")[:LONGEST_MESSAGE]
        text = ": ".join(filter(None, (f"ARM answered {response.status}", code, message)))
        if "stopped" in f"{code} {message}".lower():
            return Unavailable("cluster_stopped", f"the cluster {self.name} is stopped; {text}")
        match response.status:
            case 404 if details.get("code") == NOT_FOUND and self._is_named(message):
                missing = f"there is no cluster {self.name} in {self.group}; {text}"
                return Unavailable("cluster_not_found", missing)
            case 401 | 403:
                return Unavailable("cluster_refused", text)
        return Unavailable("cluster_unavailable", text, retry_after(response.retry_after))

    def _is_named(self, message: str) -> bool:
        """Whether ARM's message names this cluster as the missing resource.

        A missing group or subscription can be a wrong setting, and a 404 without this message can
        come from a proxy. Neither proves that nothing runs on the cluster.
        """
        text = message.casefold()
        names = (f"/managedclusters/{self.name}'", f"'{self.group}'")
        return all(name.casefold() in text for name in names)


def managed_cluster(
    credential: "AsyncTokenCredential", arm_url: str, subscription: str, group: str, name: str
) -> ManagedCluster:
    """The AKS cluster of that name. Raises ValueError unless `arm_url` is https or loopback."""
    return ManagedCluster(
        Identity(credential),
        parse_address(arm_url),
        f"{arm_url.rstrip('/')}/.default",
        subscription,
        group,
        name,
    )


def _parse_object(response: Response) -> Mapping[str, Any]:
    """The JSON object in a response; empty if its body is not one."""
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")[:LONGEST_MESSAGE]
