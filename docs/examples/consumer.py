"""Prints status messages until the search KEY has ended: consumer.py CONNECTION KEY"""

import json
import sys
import time
from collections.abc import Iterator

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage, TextBase64DecodePolicy


def received(queue: QueueClient) -> Iterator[QueueMessage]:
    try:
        yield from queue.receive_messages(visibility_timeout=30)
    except ResourceNotFoundError:  # in a local run the app creates it with its first message
        print("the queue blast-completions does not exist yet", file=sys.stderr)


connection, key = sys.argv[1:]
seen, ended = set(), False
with QueueClient.from_connection_string(
    connection, "blast-completions", message_decode_policy=TextBase64DecodePolicy()
) as queue:
    while not ended:
        for message in received(queue):
            status = json.loads(message.content)
            if status["event_id"] not in seen:  # delivery is at least once
                text = status["error_message"] or ""
                print(status["external_correlation_id"], status["status"], text)
            seen.add(status["event_id"])
            queue.delete_message(message)  # after processing, so that none is lost
            is_end = status["status"] in ("succeeded", "failed", "cancelled")
            ended = ended or (is_end and status["external_correlation_id"] == key)
        time.sleep(0 if ended else 1)
