"""Shows what becomes of searches, until one of them has ended: consumer.py CONNECTION KEY"""

import json
import sys
import time

from azure.storage.queue import QueueClient, TextBase64DecodePolicy

connection, key = sys.argv[1:]
seen, ended = set(), False
with QueueClient.from_connection_string(
    connection, "blast-completions", message_decode_policy=TextBase64DecodePolicy()
) as queue:
    while not ended:
        for message in queue.receive_messages(visibility_timeout=30):
            told = json.loads(message.content)
            if told["event_id"] not in seen:  # each comes at least once
                print(told["external_correlation_id"], told["status"], told["error_message"] or "")
            seen.add(told["event_id"])
            queue.delete_message(message)  # only once it has been dealt with
            is_end = told["status"] in ("succeeded", "failed", "cancelled")
            ended = ended or (is_end and told["external_correlation_id"] == key)
        time.sleep(0 if ended else 1)
