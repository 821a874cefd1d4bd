"""The entry points of the app: HTTP, queue and timer triggers, and what they share."""
