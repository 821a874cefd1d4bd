"""Status messages, the outbox and dead letters."""
