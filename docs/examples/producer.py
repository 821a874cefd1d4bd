"""Send a search to the queue: producer.py CONNECTION KEY DATABASE QUERY_FILE"""

import json
import sys
from pathlib import Path

from azure.storage.queue import QueueClient, TextBase64EncodePolicy

connection, key, database, query = sys.argv[1:]
search = {
    "program": "blastn",
    "db": database,
    "query_fasta": Path(query).read_text(),
    "external_correlation_id": key,
    "options": {"evalue": 1e-20, "max_target_seqs": 50},
}
with QueueClient.from_connection_string(
    connection, "blast-requests", message_encode_policy=TextBase64EncodePolicy()
) as queue:
    queue.send_message(json.dumps(search))
print(f"sent {key}")
