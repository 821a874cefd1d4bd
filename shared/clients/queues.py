"""Azure Queue Storage: sending messages, and decoding received ones."""

import base64
import binascii

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from shared.clients.azure_errors import CLIENT_OPTIONS, translate_errors
from shared.errors import Malformed

NO_EXPIRY = -1
"""A message's time to live: it stays in the queue until a consumer deletes it."""


class Queue:
    """One queue to send to. Every method raises Unavailable if storage does not answer."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ensure(self) -> None:
        """Create the queue if it does not exist."""
        with translate_errors("Queues"):
            try:
                self._client.create_queue()
            except ResourceExistsError:
                return

    def send(self, text: str) -> None:
        """Send a message that does not expire: base64 of UTF-8, at most 48 KiB of text.

        After Unavailable it may have been sent; a retry inside the SDK can send it twice.
        """
        with translate_errors("Queues"):
            self._client.send_message(text, time_to_live=NO_EXPIRY)


def open_queue(
    name: str, connection: str, endpoint: str, credential: TokenCredential | None
) -> Queue:
    """A client that uses the connection string if there is one, else the credential."""
    policy = TextBase64EncodePolicy()
    return Queue(
        QueueClient.from_connection_string(
            connection, name, message_encode_policy=policy, **CLIENT_OPTIONS
        )
        if connection
        else QueueClient(
            endpoint, name, credential=credential, message_encode_policy=policy, **CLIENT_OPTIONS
        )
    )


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
