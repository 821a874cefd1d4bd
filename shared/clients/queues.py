"""Azure Queue Storage: sending messages, and decoding received ones."""

import base64
import binascii
from contextlib import suppress

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

from shared.clients.azure_errors import CLIENT_OPTIONS, storage_call
from shared.errors import Malformed

NO_EXPIRY = -1
"""A message's time to live: it stays in the queue until a consumer deletes it."""


class Queue:
    """One queue. Every method raises Unavailable if storage does not answer."""

    def __init__(self, client: QueueClient, create_on_first_use: bool = False) -> None:
        self._client = client
        self._must_create = create_on_first_use

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ensure(self) -> None:
        """Create the queue if it does not exist."""
        async with storage_call("Queues"):
            with suppress(ResourceExistsError):
                await self._client.create_queue()
        self._must_create = False

    async def length(self) -> int:
        """About how many messages it has, also those that are being processed; 0 without it."""
        async with storage_call("Queues"):
            try:
                properties = await self._client.get_queue_properties()
            except ResourceNotFoundError:  # the poison queue is created by its first message
                return 0
        return properties.approximate_message_count or 0

    async def send(self, text: str) -> None:
        """Send a message that does not expire: base64 of UTF-8, at most 48 KiB of text.

        After Unavailable it may have been sent; a retry inside the SDK can send it twice.
        """
        if self._must_create:
            await self.ensure()
        async with storage_call("Queues"):
            await self._client.send_message(text, time_to_live=NO_EXPIRY)


def open_queue(
    name: str,
    connection: str,
    endpoint: str,
    credential: AsyncTokenCredential | None,
    *,
    create_on_first_use: bool = False,
) -> Queue:
    """A client that uses the connection string if there is one, else the credential."""
    options = CLIENT_OPTIONS | {"message_encode_policy": TextBase64EncodePolicy()}
    client = (
        QueueClient.from_connection_string(connection, name, **options)
        if connection
        else QueueClient(endpoint, name, credential=credential, **options)
    )
    return Queue(client, create_on_first_use)


def plain(body: bytes) -> bytes:
    """The JSON text of a message body that is either plain or base64. Raises Malformed.

    Base64 contains no brace, so the two forms cannot be confused.
    """
    if b"{" in body:
        return body
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        text = "the message is neither a JSON object nor base64 of one"
        raise Malformed("malformed_json", text) from error
