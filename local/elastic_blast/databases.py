"""BLAST databases: made and uploaded, looked up by URL, fetched once for all searches."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from azure.core.exceptions import ResourceExistsError

from local.elastic_blast.blobs import Blobs
from local.elastic_blast.world import Environment

MAKEBLASTDB_SECONDS = 600


def database_folder(blobs: Blobs, url: str, cache: Path) -> Path | None:
    """The folder that the database's files, `<url>.*`, are fetched to; None where there are none.

    Its name follows from the files' ETags, so that a newer database is fetched anew.
    """
    found = blobs.with_prefix(f"{url}.")
    if not found:
        return None
    content = hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]
    return cache / f"{url.rsplit('/', 1)[-1]}-{content}"


def fetch_database(blobs: Blobs, url: str, folder: Path) -> None:
    """Fetch the database into `folder`, which appears whole. Safe for any number at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix="partial-"))
    try:
        for file in blobs.with_prefix(f"{url}."):
            data = blobs.read(file)
            if data is None:
                raise FileNotFoundError(f"{file} went away while it was fetched")
            (partial / file.rsplit("/", 1)[-1]).write_bytes(data)
        partial.rename(folder)
    except OSError:
        if not folder.exists():  # it does where another was faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def upload_database(
    fasta: Path, name: str, world: Environment, kind: Literal["nucl", "prot"] = "nucl"
) -> str:
    """Make a BLAST database of `fasta` and put it in the container `blast-db`; returns its URL.

    The container is created where it is missing. Raises CalledProcessError, with makeblastdb's
    own words in `stderr`.
    """
    blobs = Blobs.of(world)
    with contextlib.suppress(ResourceExistsError):
        blobs.service.create_container("blast-db")
    root = f"https://{world.account}.blob.core.windows.net/blast-db/{name}"
    with tempfile.TemporaryDirectory() as folder:
        make_database(fasta, Path(folder) / name, kind)
        for file in sorted(Path(folder).iterdir()):
            blobs.write(f"{root}/{file.name}", file.read_bytes())
    return f"{root}/{name}"


def make_database(fasta: Path, target: Path, kind: Literal["nucl", "prot"] = "nucl") -> None:
    """Make a BLAST database of `fasta` whose files are `target` with endings.

    Raises CalledProcessError, with makeblastdb's own words in `stderr`.
    """
    argv = ["makeblastdb", "-in", "-", "-dbtype", kind, "-parse_seqids"]
    with fasta.open("rb") as sequences:
        subprocess.run(
            [*argv, "-title", target.name, "-out", target.name],  # BLAST+ splits paths at blanks
            stdin=sequences,
            cwd=target.parent,
            check=True,
            capture_output=True,
            timeout=MAKEBLASTDB_SECONDS,
        )
