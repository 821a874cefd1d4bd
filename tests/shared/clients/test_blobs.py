"""Blob reads by range and in chunks, on a real Azurite."""

import asyncio
import gzip
import socket
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
import trustme
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient, ContentSettings, StorageErrorCode
from azure.storage.blob.aio import BlobClient

from local.azurite import ACCOUNT, Azurite
from shared.clients.blobs import CHUNK, WRITTEN_CHUNK, Blobs, Version, open_blobs
from shared.contracts.storage_urls import StorageAccount
from shared.errors import NotFound, Unavailable
from shared.util.threads import in_thread
from tests.shared.clients.kubernetes.server import Reply, Request, serving


@pytest.fixture
def container() -> str:
    return f"c{uuid.uuid4().hex}"


@pytest.fixture
async def blobs(azurite: Azurite, container: str) -> Blobs:
    client = open_blobs(StorageAccount(ACCOUNT), azurite.connection_string, None)
    await client.ensure(container)
    return client


@pytest.fixture
def url(container: str) -> str:
    return f"https://{ACCOUNT}.blob.core.windows.net/{container}/a/b.gz"


async def test_a_blob_is_read_in_chunks_and_by_range(blobs: Blobs, url: str) -> None:
    data = bytes(range(256)) * (CHUNK // 256 * 2 + 3)
    await blobs.put(url, data)
    chunks = [item async for item in blobs.iter_chunks(url)]
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) == CHUNK
    version = await blobs.version(url)
    assert version is not None
    assert version.size == len(data)
    assert await blobs.read_range(url, version, 5, CHUNK + 9) == data[5 : CHUNK + 9]
    assert await blobs.read_range(url, version, 5, 5) == b""


async def test_writers_of_one_blob_at_once_leave_the_content_of_one(
    blobs: Blobs, url: str, tmp_path: Path
) -> None:
    """Each content takes several requests; the commit of one discards what the others have sent."""
    contents = [bytes([number]) * (3 * WRITTEN_CHUNK) for number in range(4)]
    await asyncio.gather(*(blobs.put(url, content) for content in contents))
    assert await blobs.get(url) in contents
    await blobs.delete(url)
    kept = await asyncio.gather(*(blobs.put_if_absent(url, content) for content in contents))
    assert kept == [await blobs.get(url)] * 4


async def test_of_writers_of_a_file_at_once_the_first_wins(
    blobs: Blobs, url: str, tmp_path: Path
) -> None:
    """What one of them has read of its version, it can read to the end."""
    files = [tmp_path / str(number) for number in range(4)]
    for number, file in enumerate(files):
        await in_thread(file.write_bytes, bytes([number]) * (3 * WRITTEN_CHUNK))

    async def write(file: Path) -> Version | None:
        await blobs.put_file_if_absent(url, file)
        return await blobs.version(url)

    versions = await asyncio.gather(*(write(file) for file in files))
    assert versions == [await blobs.version(url)] * 4
    await write(files[0])
    assert await blobs.version(url) == versions[0]


async def test_a_blob_that_is_deleted_while_it_is_written_is_unavailable(
    blobs: Blobs, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage discards what was sent of it."""
    discarded = HttpResponseError("discarded")
    vars(discarded)["error_code"] = StorageErrorCode.INVALID_BLOCK_LIST
    monkeypatch.setattr(BlobClient, "upload_blob", AsyncMock(side_effect=discarded))
    with pytest.raises(Unavailable, match=r"b.gz was deleted"):
        await blobs.put(url, b"content")


async def test_a_missing_blob_is_not_found(blobs: Blobs, url: str) -> None:
    assert await blobs.version(url) is None
    with pytest.raises(NotFound, match=r"b.gz is gone"):
        [item async for item in blobs.iter_chunks(url)]


async def test_an_empty_blob_has_an_empty_prefix(blobs: Blobs, url: str) -> None:
    await blobs.put(url, b"")
    assert await blobs.read_prefix(url, 10) == (b"", 0)


async def test_a_blob_that_changes_during_a_read_is_unavailable(blobs: Blobs, url: str) -> None:
    await blobs.put(url, b"1" * (CHUNK + 1))
    version, chunks = await blobs.version(url), blobs.iter_chunks(url)
    assert version is not None
    assert await anext(chunks) == b"1" * CHUNK
    await blobs.put(url, b"2" * (CHUNK + 1))
    with pytest.raises(Unavailable, match="changed"):
        await anext(chunks)
    with pytest.raises(Unavailable, match="changed"):
        await blobs.read_range(url, version, 0, 1)


async def test_a_content_encoding_is_not_decoded(
    blobs: Blobs, url: str, container: str, azurite: Azurite
) -> None:
    data = gzip.compress(b"text")
    encoded = ContentSettings(content_encoding="gzip")
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.get_blob_client(container, "a/b.gz").upload_blob(data, content_settings=encoded)
    version = await blobs.version(url)
    assert version is not None
    assert b"".join([item async for item in blobs.iter_chunks(url)]) == data
    assert await blobs.read_range(url, version, 0, version.size) == data


async def test_an_unreachable_store_is_unavailable(url: str, azurite: Azurite) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/{ACCOUNT}"
        connection = azurite.connection_string.replace(azurite.blob, nowhere)
        with pytest.raises(Unavailable):
            [
                item
                async for item in open_blobs(StorageAccount(ACCOUNT), connection, None).iter_chunks(
                    url
                )
            ]


async def _all_chunks(blobs: Blobs, url: str) -> bytes:
    return b"".join([chunk async for chunk in blobs.iter_chunks(url)])


READS: list[Callable[[Blobs, str], Awaitable[object]]] = [
    lambda blobs, url: blobs.get(url),
    lambda blobs, url: blobs.read_prefix(url, 10),
    lambda blobs, url: blobs.exists(url),
    lambda blobs, url: blobs.version(url),
    lambda blobs, url: blobs.list(url.rpartition("/")[0] + "/"),
    _all_chunks,
]


@pytest.mark.parametrize("read", READS)
async def test_failure_46_a_missing_container_is_not_a_missing_blob(
    azurite: Azurite, read: Callable[[Blobs, str], Awaitable[object]]
) -> None:
    """Otherwise a marker in the lost container would look absent."""
    blobs = open_blobs(StorageAccount(ACCOUNT), azurite.connection_string, None)
    with pytest.raises(Unavailable):
        await read(blobs, f"https://{ACCOUNT}.blob.core.windows.net/never-made/a/b.txt")


@pytest.mark.parametrize("read", READS)
async def test_failure_46_a_404_of_another_server_is_not_a_missing_blob(
    azurite: Azurite, url: str, read: Callable[[Blobs, str], Awaitable[object]]
) -> None:
    with serving(trustme.CA(), tls=False) as proxy:
        proxy.manner = lambda _: Reply(404, b"<html>not here</html>")
        at = f"http://127.0.0.1:{proxy.port}/{ACCOUNT}"
        connection = azurite.connection_string.replace(azurite.blob, at)
        with pytest.raises(Unavailable):
            await read(open_blobs(StorageAccount(ACCOUNT), connection, None), url)


@pytest.mark.parametrize("in_header", ['"0x1"', "0x1", 'W/"0x1"'])
@pytest.mark.parametrize("in_list", ["0x1", '"0x1"', "&quot;0x1&quot;"])
async def test_an_etag_is_the_same_from_lists_and_headers(
    azurite: Azurite, url: str, in_list: str, in_header: str
) -> None:
    """Azurite's lists and Azure's have no quotes, headers have them."""
    date = "Sat, 28 Nov 2026 12:00:00 GMT"
    page = (
        '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs><Blob><Name>a/b.gz</Name>'
        f"<Properties><Last-Modified>{date}</Last-Modified><Etag>{in_list}</Etag>"
        "<Content-Length>1</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
        "</Blobs><NextMarker/></EnumerationResults>"
    ).encode()

    def manner(request: Request) -> Reply:
        if request.query.get("comp") == "list":
            return Reply(body=page, headers={"Content-Type": "application/xml"})
        headers = {"ETag": in_header, "Last-Modified": date, "x-ms-blob-type": "BlockBlob"}
        return Reply(body=b"", headers=headers)

    with serving(trustme.CA(), tls=False) as proxy:
        proxy.manner = manner
        at = f"http://127.0.0.1:{proxy.port}/{ACCOUNT}"
        connection = azurite.connection_string.replace(azurite.blob, at)
        blobs = open_blobs(StorageAccount(ACCOUNT), connection, None)
        (listed,) = await blobs.list(url.removesuffix("b.gz"))
        version = await blobs.version(url)
        await blobs.aclose()
    assert version is not None
    assert (listed.name, listed.etag, version.etag) == ("b.gz", '"0x1"', '"0x1"')


async def test_the_etag_of_a_list_is_one_to_read_by(blobs: Blobs, url: str) -> None:
    await blobs.put(url, b"first")
    (listed,) = await blobs.list(url.removesuffix("b.gz"))
    assert await blobs.version(url) == Version(listed.size, listed.etag)
    assert await blobs.read_range(url, Version(5, listed.etag), 1, 3) == b"ir"
    await blobs.put(url, b"other")
    with pytest.raises(Unavailable):
        await blobs.read_range(url, Version(5, listed.etag), 1, 3)
