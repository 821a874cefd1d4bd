"""Views of a job in API responses."""
