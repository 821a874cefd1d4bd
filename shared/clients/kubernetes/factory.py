"""Creates credential providers: from a kubeconfig file, or for AKS with the app's identity."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shared.clients.kubernetes.aks import Identity, managed_cluster
from shared.clients.kubernetes.credentials import CredentialProvider
from shared.clients.kubernetes.kubeconfig import read_file

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def from_kubeconfig(
    path: Path, name: str = "", credential: "AsyncTokenCredential | None" = None
) -> CredentialProvider:
    """Credentials from a file: its context or cluster called `name`, or its only context.

    A context that needs an Entra login needs `credential` too.
    """
    add_token = Identity(credential).add_token if credential else None
    return CredentialProvider(partial(read_file, path, name, add_token))


def from_identity(
    credential: "AsyncTokenCredential", arm_url: str, subscription: str, group: str, name: str
) -> CredentialProvider:
    """Credentials that Azure Resource Manager issues to the app's identity.

    Raises ValueError unless `arm_url` is https or loopback.
    """
    cluster = managed_cluster(credential, arm_url, subscription, group, name)
    return CredentialProvider(cluster.credentials, cluster.explain)
