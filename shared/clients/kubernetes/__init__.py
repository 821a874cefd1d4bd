"""Kubernetes client: the Jobs and pods of searches, their logs, and the submit slot."""

from shared.clients.kubernetes.cluster import KubernetesCluster
from shared.clients.kubernetes.credentials import ClusterCredentials, CredentialProvider
from shared.clients.kubernetes.factory import from_identity, from_kubeconfig
from shared.clients.kubernetes.jobs import ClusterJob
from shared.clients.kubernetes.pod_log import LogLine, digest_of
from shared.clients.kubernetes.pods import Pod
from shared.clients.kubernetes.search_log import SearchLog
from shared.clients.kubernetes.submit_lease import (
    DURATION,
    RENEWAL_INTERVAL,
    UNHELD,
    LeaseState,
)

__all__ = [
    "DURATION",
    "RENEWAL_INTERVAL",
    "UNHELD",
    "ClusterCredentials",
    "ClusterJob",
    "CredentialProvider",
    "KubernetesCluster",
    "LeaseState",
    "LogLine",
    "Pod",
    "SearchLog",
    "digest_of",
    "from_identity",
    "from_kubeconfig",
]
