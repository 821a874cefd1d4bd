"""Checks of the services that the app needs, and of a planned search."""
