"""Kubeconfigs, read without running what they name: an Entra login is ours to make."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.clients.http_client import parse_address
from shared.clients.kubernetes.credentials import ClusterCredentials
from shared.errors import Unavailable

Json = Mapping[str, Any]
Tokens = Callable[[ClusterCredentials], ClusterCredentials]
"""Adds the identity's token for API servers to an access. Raises Unavailable."""

_LOGINS = ("kubelogin", "azure")
"""What AKS has clients run, or the older plugin's name, where the identity's token is asked for."""


@dataclass(frozen=True)
class Read:
    """One context of a kubeconfig; `by_identity` if it wants a token of the identity."""

    access: ClusterCredentials
    by_identity: bool


def read_file(path: Path, name: str, tokens: Tokens | None) -> ClusterCredentials:
    """The access in a file: of the context or cluster called `name`, or the only one there is."""
    try:
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise Unavailable("cluster_unavailable", f"the kubeconfig is unreadable: {error}") from None
    return complete(parse(text, name, path.parent), tokens)


def complete(read: Read, tokens: Tokens | None) -> ClusterCredentials:
    """The access with everything that it takes. Raises Unavailable."""
    if not read.by_identity:
        return read.access
    if tokens is None:
        text = "the kubeconfig wants an Entra login, and the app runs without an identity"
        raise Unavailable("cluster_refused", text)
    return tokens(read.access)


def parse(text: str, name: str, folder: Path) -> Read:
    """One context of a kubeconfig, whose relative paths begin at `folder`.

    Raises Unavailable, without any of the text: it holds secrets.
    """
    import yaml

    try:
        whole = yaml.safe_load(text)
        context = _context(whole, name)
        cluster = _named(whole["clusters"], context["cluster"], "cluster")
        user = _named(whole.get("users") or [], context.get("user"), "user")
        return _read(cluster, user, folder)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, StopIteration):
        why = "it is not a kubeconfig, or lacks what its context names"
    except (OSError, ValueError, binascii.Error) as error:
        why = str(error)
    raise Unavailable("cluster_unavailable", f"the kubeconfig cannot be used: {why}")


def _context(whole: Json, name: str) -> Json:
    contexts = whole["contexts"]
    wanted = [one for one in contexts if name in (one["name"], one["context"]["cluster"])]
    if not wanted and len(contexts) != 1:
        # The current context may be another cluster, whose Jobs are none of this search's.
        raise ValueError(f"none of its contexts is called {name}")
    chosen: Json = next(iter(wanted or contexts))["context"]
    return chosen


def _named(those: list[Json], name: str | None, kind: str) -> Json:
    found = next((one[kind] for one in those if one["name"] == name), None)
    if found is None and kind == "cluster":
        raise ValueError("its context names no cluster of it")
    return found or {}


def _read(cluster: Json, user: Json, folder: Path) -> Read:
    login = user.get("exec") or user.get("auth-provider") or {}
    access = ClusterCredentials(
        server=_server(cluster["server"]),
        authority=_pem(cluster, "certificate-authority", folder),
        server_name=cluster.get("tls-server-name"),
        certificate=_pem(user, "client-certificate", folder),
        key=_pem(user, "client-key", folder),
    )
    if user.get("token"):
        return Read(replace(access, token=user["token"]), by_identity=False)
    if user.get("tokenFile"):
        token = (folder / user["tokenFile"]).read_text().strip()
        return Read(replace(access, token=token), by_identity=False)
    if not login or access.certificate:
        return Read(access, by_identity=False)
    called = str(login.get("command") or login.get("name"))
    if Path(called).stem not in _LOGINS:
        raise ValueError(f"it wants {called[:100]} to be run")
    return Read(access, by_identity=True)


def _server(url: str) -> str:
    """The address without a user in it, which is for kubectl alone. Raises ValueError."""
    parts = urlsplit(url)
    server = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    parse_address(server)
    return server


def _pem(those: Json, name: str, folder: Path) -> str | None:
    """What stands there in base64, or in the file that is named there."""
    if data := those.get(f"{name}-data"):
        return base64.b64decode(data, validate=True).decode()
    return (folder / those[name]).read_text() if those.get(name) else None
