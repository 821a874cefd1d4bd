"""Azure Queues: sending, and reading what was sent with or without base64."""

import base64
import binascii

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from shared.clients.azure_errors import CLIENT_OPTIONS, translate_errors
from shared.errors import Malformed

NO_EXPIRY = -1
"""As the time to live of a message: it waits until somebody takes it."""


class Queue:
    """One queue to send to. Every method raises Unavailable when it cannot be asked."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client

    def ensure(self) -> None:
        """Create the queue unless it exists."""
        with translate_errors("Queues"):
            try:
                self._client.create_queue()
            except ResourceExistsError:
                return

    def send(self, text: str) -> None:
        """Send a message, as base64 of UTF-8: at most 48 KiB of text. It does not expire.

        Where an answer is lost it may have been sent, or be sent twice.
        """
        with translate_errors("Queues"):
            self._client.send_message(text, time_to_live=NO_EXPIRY)


def open_queue(
    name: str, connection: str, endpoint: str, credential: TokenCredential | None
) -> Queue:
    """The queue of that name: by connection string if there is one, else by identity."""
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
    """The JSON object in a message, which came as it is or in base64. Raises Malformed.

    Base64 has no brace, so that the two cannot be mistaken for each other.
    """
    if b"{" in body:
        return body
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        text = "the message is neither a JSON object nor one in base64"
        raise Malformed("malformed_json", text) from error
