"""The environment of docs/examples: snakemake, a notebook's kernel, pandas and polars."""

from pathlib import Path

BIN = Path(__file__).parents[2] / ".state/examples/bin"
"""Created by `make examples`, which `make acceptance` runs."""


def program(name: str) -> str:
    """The path of a program of the environment."""
    path = BIN / name
    assert path.exists(), f"{path} is missing: create it with `make examples`"
    return str(path)
