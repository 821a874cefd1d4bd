"""One server and two keys per process, and a fresh directory for each test."""

from collections.abc import Iterator

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.shared.clients.kubernetes.server import Server, serving
from tests.triggers.auth.directory import Directory, new_key


@pytest.fixture(scope="session")
def _listening() -> Iterator[Server]:
    with serving(trustme.CA(), tls=False) as server:
        yield server


@pytest.fixture(scope="session")
def _pair() -> tuple[RSAPrivateKey, RSAPrivateKey]:
    return new_key(), new_key()


@pytest.fixture
def directory(_listening: Server, _pair: tuple[RSAPrivateKey, RSAPrivateKey]) -> Directory:
    return Directory(_listening, *_pair)
