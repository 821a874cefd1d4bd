"""The demo: real sequences, one real search, and an HTTP client for it."""
