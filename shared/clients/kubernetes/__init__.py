"""Kubernetes client: the Jobs and pods of searches, and the submit slot."""

from shared.clients.kubernetes.cluster import KubernetesCluster
from shared.clients.kubernetes.credentials import ClusterCredentials, CredentialProvider
from shared.clients.kubernetes.factory import from_identity, from_kubeconfig
from shared.clients.kubernetes.jobs import ClusterJob
from shared.clients.kubernetes.pods import Pod
from shared.clients.kubernetes.submit_lease import RENEWAL_INTERVAL, UNHELD, LeaseState

__all__ = [
    "RENEWAL_INTERVAL",
    "UNHELD",
    "ClusterCredentials",
    "ClusterJob",
    "CredentialProvider",
    "KubernetesCluster",
    "LeaseState",
    "Pod",
    "from_identity",
    "from_kubeconfig",
]
