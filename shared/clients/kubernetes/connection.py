"""Verified, pooled connections to an API server."""

import ssl
import tempfile
from pathlib import Path

import aiohttp

from shared.clients.kubernetes.credentials import ClusterCredentials

POOL_SIZE = 32
"""Connections per API server. Those that are idle for 15 s are closed (aiohttp's default), before a
load balancer drops them silently."""


def new_session(credentials: ClusterCredentials, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """A session for an API server. Sends nothing."""
    return aiohttp.ClientSession(
        credentials.server,
        connector=aiohttp.TCPConnector(limit=POOL_SIZE, ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def tls_context(credentials: ClusterCredentials) -> ssl.SSLContext:
    """How to verify the server, and the client's certificate. Blocks: it reads and writes files.

    Raises OSError or ValueError for invalid PEM.
    """
    context = ssl.create_default_context(cadata=credentials.authority)
    # The default since Python 3.13 requires extensions that many clusters' CAs do not have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if credentials.certificate:
        # ssl reads these only from files, which are deleted before any request.
        with tempfile.TemporaryDirectory() as private_dir:
            pair = Path(private_dir, "pair.pem")
            pair.touch(mode=0o600)
            pair.write_text(f"{credentials.certificate}\n{credentials.key or ''}")
            context.load_cert_chain(pair)
    return context
