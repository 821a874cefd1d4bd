"""The HTTP API: routes, handlers and responses."""
