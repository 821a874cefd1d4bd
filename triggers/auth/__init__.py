"""Authentication, ownership, quotas and access to query blobs."""
