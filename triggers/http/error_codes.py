"""The stable codes of refusals: which there are, and which are answered where."""

CODES = {
    "malformed_json": (400, "The body is not a JSON object in UTF-8"),
    "malformed_form": (400, "The form, or the text in it, cannot be read"),
    "not_retryable": (400, "What was refused would be refused again"),
    "not_signed_in": (401, "The caller is not known: sign in"),
    "role_missing": (403, "A program needs a role of the app's"),
    "loopback_only": (403, "The local mode answers only on this machine's loopback"),
    "not_found": (404, "There is no such thing, or it is somebody else's"),
    "unknown_route": (404, "The API has no such path, or not with this method"),
    "results_gone": (404, "The results were taken away"),
    "no_results": (404, "The search has left none, or not yet"),
    "blob_gone": (404, "The file was taken away while it was read"),
    "already_finished": (409, "The job has ended"),
    "idempotency_conflict": (409, "The key stands for another request"),
    "not_failed": (409, "Only a failed job is run again"),
    "still_running": (409, "The job has not ended: cancel it first"),
    "format_not_readable": (409, "The hits are in a form that is downloaded, and not read here"),
    "file_damaged": (409, "The file breaks off, or is not what its search was asked for"),
    "decompression_limit": (409, "The file unpacks to more than any result does"),
    "query_too_large": (413, "The query has more bytes than are taken, or shown"),
    "file_too_large": (413, "The file has more bytes than one answer: ask for its parts"),
    "range_not_satisfiable": (416, "The file has none of the bytes that were asked for"),
    "validation_error": (422, "What was asked is wrong; `detail.errors` names all faults"),
    "invalid_query_fasta": (422, "The query is not FASTA of what the program reads"),
    "conflicting_query_sources": (422, "A query is named in several ways"),
    "program_database_incompatible": (422, "The program cannot search this kind of database"),
    "rate_exceeded": (429, "Too many requests at once"),
    "too_many_active": (429, "The caller has as many searches under way as one may have"),
    "storage_unavailable": (503, "Storage does not answer"),
    "blob_changed": (503, "The file was written anew while it was read"),
    "keys_unavailable": (503, "The directory's keys cannot be read, so nobody can be told apart"),
    "concurrent_update": (503, "Too many change the same job at once"),
    "not_started": (503, "The search is kept and was not started; the same request starts it"),
    "durable_unavailable": (503, "The same, and whether it runs already cannot be seen"),
    "settings_invalid": (503, "The deployment is configured wrong"),
}
"""Every stable code that a refusal can have: its status, and what it says."""

EVERYWHERE = (
    *("not_signed_in", "role_missing", "loopback_only", "rate_exceeded"),
    *("storage_unavailable", "keys_unavailable", "settings_invalid"),
)
OF_A_JOB = ("not_found",)
OF_A_SUBMISSION = (
    *("malformed_json", "validation_error", "invalid_query_fasta", "conflicting_query_sources"),
    *("program_database_incompatible", "idempotency_conflict", "query_too_large"),
    *("too_many_active", "concurrent_update", "not_started", "durable_unavailable"),
)
OF_FILES = (*OF_A_JOB, "results_gone", "blob_gone", "blob_changed")
OF_HITS = (
    *OF_FILES,
    "format_not_readable",
    "file_damaged",
    "decompression_limit",
    "validation_error",
)
