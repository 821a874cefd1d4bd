"""BLAST databases: create and upload, find by URL, download once for all searches."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from azure.core.exceptions import ResourceExistsError

from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.environment import Environment

MAKEBLASTDB_SECONDS = 600


def database_folder(blobs: AccountBlobs, url: str, cache: Path) -> Path | None:
    """The folder for the database's files, `<url>.*`; None if there are none.

    Its name contains a hash of the files' ETags, so that a changed database is downloaded again.
    """
    files = blobs.with_prefix(f"{url}.")
    if not files:
        return None
    content = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
    return cache / f"{url.rsplit('/', 1)[-1]}-{content}"


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `folder` once it is complete. Safe for concurrent callers."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix="partial-"))
    try:
        yield partial
        partial.rename(folder)
    except OSError:
        if not folder.exists():  # another process was faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def fetch_database(blobs: AccountBlobs, url: str, folder: Path) -> None:
    """Download into `folder`, which appears complete."""
    with appearing(folder) as partial:
        fetch_files(blobs, url, partial)


def fetch_files(blobs: AccountBlobs, url: str, folder: Path) -> None:
    """Download the files of a database, or of one of its volumes."""
    for file in blobs.with_prefix(f"{url}."):
        data = blobs.read(file)
        if data is None:
            raise FileNotFoundError(f"{file} was deleted during the download")
        (folder / file.rsplit("/", 1)[-1]).write_bytes(data)


def upload_database(
    fasta: Path, name: str, environment: Environment, kind: Literal["nucl", "prot"] = "nucl"
) -> str:
    """Make a BLAST database of `fasta` and upload it to the container `blast-db`; returns its URL.

    Creates the container if it is missing. Raises CalledProcessError, with makeblastdb's
    message in `stderr`.
    """
    blobs = AccountBlobs.of(environment)
    with contextlib.suppress(ResourceExistsError):
        blobs.service.create_container("blast-db")
    root = f"https://{environment.account}.blob.core.windows.net/blast-db/{name}"
    with tempfile.TemporaryDirectory() as folder:
        make_database(fasta, Path(folder) / name, kind)
        for file in sorted(Path(folder).iterdir()):
            blobs.write(f"{root}/{file.name}", file.read_bytes())
    return f"{root}/{name}"


def make_database(fasta: Path, target: Path, kind: Literal["nucl", "prot"] = "nucl") -> None:
    """Make a BLAST database of `fasta`; its files are `target` with suffixes.

    Raises CalledProcessError, with makeblastdb's message in `stderr`.
    """
    argv = ["makeblastdb", "-in", "-", "-dbtype", kind, "-parse_seqids"]
    with fasta.open("rb") as sequences:
        subprocess.run(
            [*argv, "-title", target.name, "-out", target.name],  # BLAST+ splits paths at spaces
            stdin=sequences,
            cwd=target.parent,
            check=True,
            capture_output=True,
            timeout=MAKEBLASTDB_SECONDS,
        )
