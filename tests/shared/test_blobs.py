"""Blobs in parts and in pieces, on a real Azurite."""

import gzip
import socket
import uuid

import pytest
from azure.storage.blob import BlobServiceClient, ContentSettings

from local.azurite import ACCOUNT, Azurite
from shared.clients.blobs import CHUNK, Blobs, open_blobs
from shared.errors import NotFound, Unavailable
from shared.storage_urls import Account


@pytest.fixture
def container() -> str:
    return f"c{uuid.uuid4().hex}"


@pytest.fixture
def blobs(azurite: Azurite, container: str) -> Blobs:
    made = open_blobs(Account(ACCOUNT), azurite.connection_string, None)
    made.ensure(container)
    return made


@pytest.fixture
def url(container: str) -> str:
    return f"https://{ACCOUNT}.blob.core.windows.net/{container}/a/b.gz"


def test_a_blob_is_read_in_pieces_and_in_parts(blobs: Blobs, url: str) -> None:
    data = bytes(range(256)) * (CHUNK // 256 * 2 + 3)
    blobs.put(url, data)
    pieces = list(blobs.pieces(url))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == CHUNK
    version = blobs.version(url)
    assert version is not None
    assert version.size == len(data)
    assert blobs.part(url, version, 5, CHUNK + 9) == data[5 : CHUNK + 9]
    assert blobs.part(url, version, 5, 5) == b""


def test_a_blob_that_is_not_there_is_not_found(blobs: Blobs, url: str) -> None:
    assert blobs.version(url) is None
    with pytest.raises(NotFound, match=r"b.gz is gone"):
        list(blobs.pieces(url))


def test_a_blob_that_changed_while_it_is_read_is_for_later(blobs: Blobs, url: str) -> None:
    blobs.put(url, b"1" * (CHUNK + 1))
    version, pieces = blobs.version(url), blobs.pieces(url)
    assert version is not None
    assert next(pieces) == b"1" * CHUNK
    blobs.put(url, b"2" * (CHUNK + 1))
    with pytest.raises(Unavailable, match="changed"):
        next(pieces)
    with pytest.raises(Unavailable, match="changed"):
        blobs.part(url, version, 0, 1)


def test_bytes_that_are_said_to_be_encoded_are_left_as_they_are(
    blobs: Blobs, url: str, container: str, azurite: Azurite
) -> None:
    data = gzip.compress(b"text")
    encoded = ContentSettings(content_encoding="gzip")
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.get_blob_client(container, "a/b.gz").upload_blob(data, content_settings=encoded)
    version = blobs.version(url)
    assert version is not None
    assert b"".join(blobs.pieces(url)) == data
    assert blobs.part(url, version, 0, version.size) == data


def test_a_store_that_does_not_answer_is_unavailable(url: str, azurite: Azurite) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/{ACCOUNT}"
        gone = azurite.connection_string.replace(azurite.blob, nowhere)
        with pytest.raises(Unavailable):
            list(open_blobs(Account(ACCOUNT), gone, None).pieces(url))
