"""A one-machine cluster: the part of the Kubernetes API that runs Jobs, over local processes."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.processes import Child, start


def start_cluster(state: Path, log: Path, token: str, *options: str, port: int = 0) -> Child:
    """Start a cluster with its objects in `state`; `options` are further command line options.

    The child's `url` is the API server. Raises StartError.
    """
    argv = [sys.executable, "-m", "local.cluster", "--port", str(port)]
    argv += ["--token", token, "--state", str(state), *options]
    return start("cluster", argv, log, cwd=Path(__file__).parents[2])


def kubeconfig(url: str, token: str) -> dict[str, Any]:
    """A kubeconfig for this cluster, to be written as JSON or YAML.

    It contains the token twice: as the user's bearer token, and as the password in the server's
    URL, because kubectl sends a bearer token over TLS only.
    """
    server = urlsplit(url)._replace(netloc=f"token:{token}@{urlsplit(url).netloc}").geturl()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": server}}],
        "users": [{"name": "local", "user": {"token": token}}],
        "contexts": [
            {
                "name": "local",
                "context": {"cluster": "local", "user": "local", "namespace": "default"},
            }
        ],
        "current-context": "local",
    }
