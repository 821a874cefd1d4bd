"""Print messages about searches until one of them has ended: consumer.py CONNECTION KEY"""

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
            event = json.loads(message.content)
            name, status = event["external_correlation_id"], event["status"]
            if event["event_id"] not in seen:  # a message can arrive more than once
                print(name, status, event["error_message"] or "")
            seen.add(event["event_id"])
            queue.delete_message(message)  # after it is processed
            is_end = status in ("succeeded", "failed", "cancelled")
            ended = ended or (is_end and name == key)
        time.sleep(0 if ended else 1)
