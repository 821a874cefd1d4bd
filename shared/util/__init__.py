"""Durations, caches, threads and redaction: helpers that know nothing of BLAST or jobs."""
