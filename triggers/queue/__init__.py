"""The queue triggers: search requests and poison messages."""
