"""What containers fetch and put, against a real Azurite."""

from pathlib import Path

import pytest

from local.elastic_blast import Environment, install
from local.elastic_blast.blobs import Blobs
from local.elastic_blast.environment import read_environment
from local.elastic_blast.transfer import ForeignUrl, TransferFailed, fetch, put
from tests.local.elastic_blast.stage import HOST


@pytest.fixture(scope="module")
def signed(world: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The world as a container reads it."""
    folder = tmp_path_factory.mktemp("bin")
    install(folder, world)
    return read_environment(folder / "world.json")


def test_what_is_put_is_fetched_and_the_sdk_sees_the_same(signed: Environment) -> None:
    url = f"{HOST}/results/transfer/a%20b.fa"
    for data in (b"first", b"", b"\x00\xff" * 100_000):
        put(signed, url, data)
        assert fetch(signed, url) == data
    assert Blobs.of(signed).read(url) == data


def test_what_is_not_there_is_none_and_what_is_refused_raises(signed: Environment) -> None:
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
def test_another_place_is_never_asked(signed: Environment, url: str) -> None:
    with pytest.raises(ForeignUrl):
        fetch(signed, url)


def test_without_its_signature_nobody_is_let_in(world: Environment, tmp_path: Path) -> None:
    with pytest.raises(TransferFailed, match="403"):
        fetch(world, f"{HOST}/results/transfer/secret")
