"""The exec server: an HTTP server that runs five command line tools for callers with its token."""
