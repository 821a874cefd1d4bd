"""The stable error codes, and the groups of codes that operations can return."""

CODES = {
    "malformed_json": (400, "The body is not a JSON object in UTF-8"),
    "malformed_form": (400, "The form cannot be parsed"),
    "not_retryable": (400, "The job would fail again for the same reason"),
    "not_signed_in": (401, "The request has no valid token: sign in"),
    "role_missing": (403, "The program has no app role of this app"),
    "cross_site": (403, "The request comes from a page of another site"),
    "loopback_only": (403, "The local mode serves only loopback requests of this machine"),
    "link_expired": (403, "The link to a file is not valid, or not any more"),
    "not_found": (404, "The resource does not exist, or belongs to another owner"),
    "unknown_route": (404, "The API has no such path, or not with this method"),
    "results_gone": (404, "The results were removed from Blob"),
    "no_results": (404, "The job has no results, or none yet"),
    "blob_gone": (404, "The file was removed while it was read"),
    "already_finished": (409, "The job has ended"),
    "idempotency_conflict": (409, "The key belongs to another request"),
    "not_failed": (409, "The job has not failed, so it cannot be retried"),
    "still_running": (409, "The batch of the search has not ended: delete the batch"),
    "format_not_readable": (409, "This output format can be downloaded, but not read as hits"),
    "format_not_written": (409, "BLAST did not write this report for the search"),
    "file_damaged": (409, "The file is truncated, or is not in the search's output format"),
    "decompression_limit": (409, "The file decompresses to more than the limit of a result"),
    "index_too_large": (413, "The index of the hits is larger than the disk space for indexes"),
    "body_too_large": (413, "The body has more bytes than the limit"),
    "query_too_large": (413, "The query has more bytes than the limit"),
    "file_too_large": (413, "The file has more bytes than one response: request ranges of it"),
    "range_not_satisfiable": (416, "The requested range starts after the end of the file"),
    "validation_error": (422, "The request is invalid; `detail.errors` names all faults"),
    "invalid_query_fasta": (422, "The query is not valid FASTA for the program"),
    "conflicting_query_sources": (422, "The query is given in more than one field"),
    "program_database_incompatible": (422, "The program cannot search this type of database"),
    "rate_exceeded": (429, "The caller sends too many requests at once"),
    "too_many_active": (429, "The caller has the maximum number of active searches"),
    "storage_unavailable": (503, "Storage does not answer"),
    "blob_changed": (503, "The file was overwritten while it was read"),
    "row_unreadable": (503, "The job was changed by a newer version of the app"),
    "keys_unavailable": (503, "The signing keys of Entra ID cannot be read, so no token is valid"),
    "concurrent_update": (503, "Too many concurrent updates of the same job"),
    "not_started": (503, "The job was created but not started; the same request starts it"),
    "durable_unavailable": (503, "Durable Functions does not tell whether the job is running"),
    "index_pending": (503, "The hits are being indexed; Retry-After says when to ask again"),
    "export_pending": (503, "The export is being written; Retry-After says when to ask again"),
    "index_damaged": (503, "A file of the index is damaged, and is fetched or built again"),
    "index_unavailable": (503, "The index of the hits cannot be read at the moment"),
    "question_slow": (503, "The question about hits takes too long: ask about fewer hits"),
    "question_large": (503, "The question about hits needs too much memory"),
    "disk_full": (503, "The disk is full while hits are indexed or read"),
    "settings_invalid": (503, "The deployment has invalid settings"),
}
"""By code: its HTTP status and its description in the OpenAPI document."""

EVERYWHERE = (
    *("not_signed_in", "role_missing", "loopback_only", "rate_exceeded"),
    *("storage_unavailable", "keys_unavailable", "settings_invalid"),
)
OF_A_JOB = ("not_found", "row_unreadable")
OF_A_SUBMISSION = (
    *("malformed_json", "validation_error", "invalid_query_fasta", "conflicting_query_sources"),
    *("program_database_incompatible", "idempotency_conflict", "query_too_large"),
    "row_unreadable",
    *("too_many_active", "concurrent_update", "not_started", "durable_unavailable"),
)
OF_FILES = (*OF_A_JOB, "results_gone", "blob_gone", "blob_changed")
OF_HITS = (
    *OF_FILES,
    "format_not_readable",
    "file_damaged",
    "decompression_limit",
    "validation_error",
    *("index_pending", "index_damaged", "index_unavailable", "index_too_large"),
    *("question_slow", "question_large", "disk_full"),
)
