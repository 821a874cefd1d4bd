"""DuckDB, imported when it is first needed, with bounds on its memory, threads and disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MiB = 1024**2
THREADS = 2
ROW_GROUP = 122_880


def connect(memory: int, folder: Path, threads: int = THREADS) -> "DuckDBPyConnection":
    """A database in memory. What exceeds `memory` bytes is written to `folder`.

    It reaches no network and loads no extension: all it reads are files that this package names.
    """
    import duckdb  # takes 0.1 s of CPU and 25 MiB

    config: dict[str, Any] = {
        "threads": threads,
        "memory_limit": f"{memory // MiB}MiB",
        "temp_directory": str(folder / "spill"),
        "max_temp_directory_size": "4GiB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    return duckdb.connect(config=config)


@contextmanager
def open_database(memory: int, folder: Path) -> Iterator["DuckDBPyConnection"]:
    """A database that is closed at the end: see `connect`."""
    connection = connect(memory, folder)
    # Files are written again under their names here.
    connection.execute("SET enable_external_file_cache = false")
    try:
        yield connection
    finally:
        connection.close()


def parquet_options(row_group: int) -> str:
    """How Parquet files are written; `row_group` rows are compressed together."""
    return f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {row_group})"


def quoted(text: str | Path) -> str:
    """A string literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def name(column: str) -> str:
    """A quoted name of SQL."""
    return '"' + column.replace('"', '""') + '"'
