"""Blob transfers of containers, against a real Azurite."""

from pathlib import Path

import pytest

from local.elastic_blast import Environment, install
from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.environment import read_environment
from local.elastic_blast.transfer import ForeignUrl, TransferFailed, fetch, put
from tests.local.elastic_blast.submission_fixture import HOST


@pytest.fixture(scope="module")
def signed(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment as a container reads it."""
    folder = tmp_path_factory.mktemp("bin")
    install(folder, environment)
    return read_environment(folder / "environment.json")


def test_an_uploaded_blob_is_downloaded_unchanged(signed: Environment) -> None:
    url = f"{HOST}/results/transfer/a%20b.fa"
    for data in (b"first", b"", b"\x00\xff" * 100_000):
        put(signed, url, data)
        assert fetch(signed, url) == data
    assert AccountBlobs.of(signed).read(url) == data


def test_a_missing_blob_is_none_and_a_refused_request_raises(signed: Environment) -> None:
    assert fetch(signed, f"{HOST}/results/transfer/none") is None
    with pytest.raises(TransferFailed, match="404"):
        put(signed, f"{HOST}/nowhere/file", b"x")


@pytest.mark.parametrize(
    "url",
    [
        "https://other.blob.core.windows.net/results/x",
        "http://devstoreaccount1.blob.core.windows.net/results/x",
        f"{HOST}/results",
        f"{HOST}/results/x?sig=1",
        "/etc/hosts",
    ],
)
def test_a_foreign_url_is_never_requested(signed: Environment, url: str) -> None:
    with pytest.raises(ForeignUrl):
        fetch(signed, url)


def test_a_request_without_signature_is_forbidden(environment: Environment, tmp_path: Path) -> None:
    with pytest.raises(TransferFailed, match="403"):
        fetch(environment, f"{HOST}/results/transfer/secret")
