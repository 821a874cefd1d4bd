"""Environment variables of retry policies."""

from shared.contracts.activities import Category


def retry_settings(*categories: Category, **parts: str) -> dict[str, str]:
    """The variables that give these categories `first`, `factor`, `longest` or `tries`."""
    return {
        f"BLAST_RETRY_{category}_{part}".upper(): text
        for category in categories
        for part, text in parts.items()
    }
