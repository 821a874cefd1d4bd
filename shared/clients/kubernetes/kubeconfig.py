"""Reads kubeconfigs. Runs no command that they name; the app's identity gets Entra tokens."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.clients.kubernetes.credentials import ClusterCredentials
from shared.errors import Unavailable
from shared.util.addresses import parse_address
from shared.util.threads import in_thread

Json = Mapping[str, Any]
AddToken = Callable[[ClusterCredentials], Awaitable[ClusterCredentials]]
"""Adds the identity's token to credentials. Raises Unavailable."""

_ENTRA_LOGINS = ("kubelogin", "azure")
"""The exec command and the older auth provider that AKS kubeconfigs name for an Entra login."""


@dataclass(frozen=True)
class KubeconfigContext:
    """One context of a kubeconfig."""

    credentials: ClusterCredentials
    needs_identity: bool
    """Whether it needs a token of the app's identity."""


async def read_file(path: Path, name: str, add_token: AddToken | None) -> ClusterCredentials:
    """Credentials of the context or cluster called `name`, or of the only context.

    Raises Unavailable.
    """
    return await with_token(await in_thread(_read_context, path, name), add_token)


def _read_context(path: Path, name: str) -> KubeconfigContext:
    """The context of a file, with what it names in other files. Raises Unavailable."""
    try:
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise Unavailable("cluster_unavailable", f"the kubeconfig is unreadable: {error}") from None
    return parse(text, name, path.parent)


async def with_token(context: KubeconfigContext, add_token: AddToken | None) -> ClusterCredentials:
    """The context's credentials, with a token of the identity if needed. Raises Unavailable."""
    if not context.needs_identity:
        return context.credentials
    if add_token is None:
        text = "the kubeconfig needs an Entra login, but the app has no identity"
        raise Unavailable("cluster_refused", text)
    return await add_token(context.credentials)


def parse(text: str, name: str, folder: Path) -> KubeconfigContext:
    """The context or cluster called `name`, or the only context. Paths are relative to `folder`.

    Raises Unavailable, without quoting the text: it contains secrets.
    """
    import yaml

    try:
        kubeconfig = yaml.safe_load(text)
        context = _find_context(kubeconfig, name)
        cluster = _find_entry(kubeconfig["clusters"], context["cluster"], "cluster")
        user = _find_entry(kubeconfig.get("users") or [], context.get("user"), "user")
        return _parse_context(cluster, user, folder)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, StopIteration):
        reason = "it is not a kubeconfig, or an entry that its context names is missing"
    except (OSError, ValueError, binascii.Error) as error:
        reason = str(error)
    raise Unavailable("cluster_unavailable", f"the kubeconfig cannot be used: {reason}")


def _find_context(kubeconfig: Json, name: str) -> Json:
    entries = kubeconfig["contexts"]
    matching = [entry for entry in entries if name in (entry["name"], entry["context"]["cluster"])]
    if not matching and len(entries) != 1:
        # Not current-context: that may be another cluster, on which this search does not run.
        raise ValueError(f"none of its contexts is called {name}")
    context: Json = next(iter(matching or entries))["context"]
    return context


def _find_entry(entries: list[Json], name: str | None, kind: str) -> Json:
    value = next((entry[kind] for entry in entries if entry["name"] == name), None)
    if value is None and kind == "cluster":
        raise ValueError("the cluster of its context is not defined")
    return value or {}


def _parse_context(cluster: Json, user: Json, folder: Path) -> KubeconfigContext:
    login = user.get("exec") or user.get("auth-provider") or {}
    credentials = ClusterCredentials(
        server=_server_url(cluster["server"]),
        authority=_pem(cluster, "certificate-authority", folder),
        server_name=cluster.get("tls-server-name"),
        certificate=_pem(user, "client-certificate", folder),
        key=_pem(user, "client-key", folder),
    )
    if user.get("token"):
        return KubeconfigContext(replace(credentials, token=user["token"]), needs_identity=False)
    if user.get("tokenFile"):
        token = (folder / user["tokenFile"]).read_text().strip()
        return KubeconfigContext(replace(credentials, token=token), needs_identity=False)
    if not login or credentials.certificate:
        return KubeconfigContext(credentials, needs_identity=False)
    command = str(login.get("command") or login.get("name"))
    if Path(command).stem not in _ENTRA_LOGINS:
        raise ValueError(f"its login command {command[:100]} is not supported")
    return KubeconfigContext(credentials, needs_identity=True)


def _server_url(url: str) -> str:
    """The URL without user information, which only kubectl uses. Raises ValueError."""
    parts = urlsplit(url)
    server = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    parse_address(server)
    return server


def _pem(entry: Json, name: str, folder: Path) -> str | None:
    """PEM text from `<name>-data` in base64, or from the file that `<name>` gives."""
    if data := entry.get(f"{name}-data"):
        return base64.b64decode(data, validate=True).decode()
    return (folder / entry[name]).read_text() if entry.get(name) else None
