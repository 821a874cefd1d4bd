"""Parsing, validating and accepting search requests."""
