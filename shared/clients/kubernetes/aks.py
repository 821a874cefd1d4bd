"""AKS by the app's identity: Azure Resource Manager gives the way in, Entra the token."""

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
    Address,
    ConnectFailed,
    OutcomeUnknown,
    Response,
    parse_address,
    send_request,
)
from shared.clients.kubernetes.credentials import ClusterCredentials
from shared.clients.kubernetes.kubeconfig import complete, parse
from shared.errors import Unavailable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

API_SERVERS = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The scope of every AKS API server: the id of Microsoft's own application for them."""
ARM_API = "2024-09-01"
PATIENCE = 20.0
"""Seconds for one answer of ARM."""
LONGEST_MESSAGE = 300
NOT_FOUND = "ResourceNotFound"
"""ARM's code for a resource that does not exist in a group that does."""


@dataclass(frozen=True)
class Identity:
    """The app's identity, as far as clusters ask for it."""

    credential: "TokenCredential"

    def token(self, scope: str) -> tuple[str, datetime]:
        """A token and its end. Raises Unavailable."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            got = self.credential.get_token(scope)
        except ClientAuthenticationError as error:
            text = f"the app's identity gets no token: {_first_line(str(error))}"
            raise Unavailable("cluster_refused", text) from error
        except AzureError as error:
            text = f"Entra cannot be asked for a token: {_first_line(str(error))}"
            raise Unavailable("cluster_unavailable", text) from error
        return got.token, datetime.fromtimestamp(got.expires_on, UTC)

    def complete(self, access: ClusterCredentials) -> ClusterCredentials:
        """The access with a token that API servers take. Raises Unavailable."""
        token, expires = self.token(API_SERVERS)
        return replace(access, token=token, expires=expires)


@dataclass(frozen=True)
class ManagedCluster:
    """One AKS cluster, as ARM knows it."""

    identity: Identity
    arm: Address
    arm_scope: str
    subscription: str
    group: str
    name: str

    def access(self) -> ClusterCredentials:
        """The way in that the identity is given. Raises Unavailable."""
        given = self._asked("POST", "/listClusterUserCredential")
        try:
            first = given["kubeconfigs"][0]["value"]
            text = base64.b64decode(first, validate=True).decode()
        except (KeyError, IndexError, TypeError, ValueError):
            raise Unavailable("cluster_unavailable", "ARM's answer holds no kubeconfig") from None
        return complete(parse(text, self.name, Path("/")), self.identity.complete)

    def explain(self) -> Unavailable | None:
        """Why its API server may not answer: it is gone, or stopped. Raises Unavailable."""
        try:
            properties = self._asked("GET", "").get("properties")
        except Unavailable as error:
            if error.code == "cluster_not_found":
                return error
            raise
        state = properties.get("powerState") if isinstance(properties, dict) else None
        if isinstance(state, dict) and state.get("code") == "Stopped":
            return Unavailable("cluster_stopped", f"the cluster {self.name} is stopped")
        return None

    def _asked(self, method: str, of: str) -> Mapping[str, Any]:
        where = "/subscriptions/{}/resourceGroups/{}/providers".format(
            *(quote(part, safe="") for part in (self.subscription, self.group))
        )
        path = f"{where}/Microsoft.ContainerService/managedClusters/{quote(self.name, safe='')}{of}"
        answer = self._answer(method, f"{path}?api-version={ARM_API}")
        if answer.status == 401:  # a token may end on its way
            answer = self._answer(method, f"{path}?api-version={ARM_API}")
        if answer.status != 200:
            raise self._refused(answer)
        found = _parsed(answer)
        if not found:
            raise Unavailable("cluster_unavailable", "ARM's answer cannot be read")
        return found

    def _answer(self, method: str, path: str) -> Response:
        token, _ = self.identity.token(self.arm_scope)
        headers = {"Authorization": f"Bearer {token}", "Content-Length": "0"}
        try:
            return send_request(self.arm, method, path, None, headers, PATIENCE)
        except (ConnectFailed, OutcomeUnknown) as error:
            raise Unavailable("cluster_unavailable", f"ARM does not answer: {error}") from error

    def _refused(self, answer: Response) -> Unavailable:
        error = _parsed(answer).get("error")
        told = error if isinstance(error, dict) else {}
        message = _first_line(str(told.get("message") or ""))
        code = str(told.get("code") or "")[:LONGEST_MESSAGE]
        text = ": ".join(filter(None, (f"ARM answered {answer.status}", code, message)))
        if "stopped" in f"{code} {message}".lower():
            return Unavailable("cluster_stopped", f"the cluster {self.name} is stopped; {text}")
        match answer.status:
            case 404 if told.get("code") == NOT_FOUND and self._is_named(message):
                gone = f"there is no cluster {self.name} in {self.group}; {text}"
                return Unavailable("cluster_not_found", gone)
            case 401 | 403:
                return Unavailable("cluster_refused", text)
        return Unavailable("cluster_unavailable", text, retry_after(answer.retry_after))

    def _is_named(self, message: str) -> bool:
        """Whether ARM says of this very cluster that it is not found.

        A missing group or subscription can be a wrong setting, and a 404 without these words can
        come from anybody: from neither it follows that nothing runs on the cluster.
        """
        text = message.casefold()
        names = (f"/managedclusters/{self.name}'", f"'{self.group}'")
        return all(name.casefold() in text for name in names)


def managed_cluster(
    credential: "TokenCredential", arm_url: str, subscription: str, group: str, name: str
) -> ManagedCluster:
    """The AKS cluster of that name. Raises ValueError for an ARM that is not reached by https."""
    return ManagedCluster(
        Identity(credential),
        parse_address(arm_url),
        f"{arm_url.rstrip('/')}/.default",
        subscription,
        group,
        name,
    )


def _parsed(answer: Response) -> Mapping[str, Any]:
    """The JSON object in an answer; an empty one if there is none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")[:LONGEST_MESSAGE]
