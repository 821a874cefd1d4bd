"""The web page at /api/ui."""
