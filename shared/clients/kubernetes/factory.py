"""The two ways to a cluster: a kubeconfig file, or AKS by the app's identity."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shared.clients.kubernetes.aks import Identity, managed_cluster
from shared.clients.kubernetes.credentials import CredentialProvider
from shared.clients.kubernetes.kubeconfig import read_file

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


def from_kubeconfig(
    path: Path, name: str = "", credential: "TokenCredential | None" = None
) -> CredentialProvider:
    """By a file: its context or cluster of that name, or the only one there is.

    With a credential, a file that asks for an Entra login is served too.
    """
    tokens = Identity(credential).complete if credential else None
    return CredentialProvider(partial(read_file, path, name, tokens))


def from_identity(
    credential: "TokenCredential", arm_url: str, subscription: str, group: str, name: str
) -> CredentialProvider:
    """By what Azure Resource Manager gives to the app's identity.

    Raises ValueError for an ARM that is not reached by https.
    """
    cluster = managed_cluster(credential, arm_url, subscription, group, name)
    return CredentialProvider(cluster.access, cluster.explain)
