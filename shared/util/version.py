"""The version of the app, from pyproject.toml, which is deployed with it."""

import tomllib
from pathlib import Path


def _read() -> str:
    project = Path(__file__).parents[2] / "pyproject.toml"
    version: str = tomllib.loads(project.read_text())["project"]["version"]
    return version


VERSION = _read()
"""Read once, at the import, as the event loop must not wait for a file."""
