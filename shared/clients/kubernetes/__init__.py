"""Kubernetes, as far as searches need it: their Jobs, their pods, and the submit slot."""

from shared.clients.kubernetes.cluster import Cluster
from shared.clients.kubernetes.credentials import Access, Reach
from shared.clients.kubernetes.factory import by_identity, by_kubeconfig
from shared.clients.kubernetes.jobs import ClusterJob
from shared.clients.kubernetes.pods import Pod
from shared.clients.kubernetes.submit_lease import NOBODYS, Slot

__all__ = [
    "NOBODYS",
    "Access",
    "Cluster",
    "ClusterJob",
    "Pod",
    "Reach",
    "Slot",
    "by_identity",
    "by_kubeconfig",
]
