"""Durations, retries and caches: small tools without knowledge of the domain."""
