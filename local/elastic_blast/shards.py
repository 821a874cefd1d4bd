"""Databases in shards: the layout of their blobs, and staging of one shard.

`<root>/<N>shards/<db>_shard_00/<db>_shard_00.manifest` lists the volumes of a shard, which are
files of the database, `<root>/<db>/<volume>.*`; beside it is the alias file of BLAST+ for a node.
"""

import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

from local.elastic_blast.blobs import AccountBlobs
from local.elastic_blast.databases import MAKEBLASTDB_SECONDS, appearing, fetch_files

NODE_FOLDER = "/blast/blastdb"
"""The databases' folder of a node, as alias files in Blob have it."""


def shard_name(prefix: str, shard: int) -> str:
    """The name of the database that a shard is for BLAST+."""
    return f"{prefix.rpartition('/')[2]}{shard:02d}"


def shard_folder(blobs: AccountBlobs, prefix: str, shard: int, cache: Path) -> Path:
    """The folder for a shard's files. Its name changes with the shard and its database."""
    files = blobs.with_prefix(f"{prefix}{shard:02d}/") | blobs.with_prefix(_database(prefix))
    content = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
    return cache / f"{shard_name(prefix, shard)}-{content}"


def fetch_shard(blobs: AccountBlobs, prefix: str, shard: int, folder: Path) -> None:
    """Download a shard into `folder`, which appears complete.

    Raises FileNotFoundError without a manifest or files. A missing alias is no error here, as for
    ElasticBLAST: BLAST+ then finds no database.
    """
    name = shard_name(prefix, shard)
    manifest = blobs.read(f"{prefix}{shard:02d}/{name}.manifest")
    if manifest is None:
        raise FileNotFoundError(f"there is no manifest of {name}")
    with appearing(folder) as partial:
        alias = blobs.read(f"{prefix}{shard:02d}/{name}.nal")
        if alias is not None:
            text = alias.decode().replace(f"{NODE_FOLDER}/", "")
            (partial / f"{name}.nal").write_text(text)
        for volume in manifest.decode().split():
            fetch_files(blobs, f"{_database(prefix)}{volume}", partial)


def upload_in_shards(fasta: Path, url: str, shards: int, blobs: AccountBlobs) -> None:
    """Make a nucleotide database with a volume for each shard, and upload both to `url`.

    Sequences are dealt to the volumes in turn. Raises CalledProcessError, with makeblastdb's
    message in `stderr`.
    """
    folder_url, _, name = url.rpartition("/")
    records = fasta.read_text().split("\n>")
    with tempfile.TemporaryDirectory() as folder:
        volumes = [f"{name}.{shard:02d}" for shard in range(shards)]
        for shard, volume in enumerate(volumes):
            text = "\n>".join(record.removeprefix(">") for record in records[shard::shards])
            argv = ["makeblastdb", "-in", "-", "-dbtype", "nucl", "-parse_seqids"]
            subprocess.run(
                [*argv, "-title", name, "-out", volume],
                input=f">{text}\n".encode(),
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=MAKEBLASTDB_SECONDS,
            )
        (Path(folder) / f"{name}.nal").write_text(_alias(name, volumes))
        for file in sorted(Path(folder).iterdir()):
            blobs.write(f"{folder_url}/{file.name}", file.read_bytes())
    letters = sum(len(line) for line in fasta.read_text().splitlines() if line[:1] != ">")
    metadata = f'{{"number-of-letters": {letters}, "number-of-sequences": {len(records)}}}'
    blobs.write(f"{url}-nucl-metadata.json", metadata.encode())
    prefix = f"{folder_url.rpartition('/')[0]}/{shards}shards/{name}_shard_"
    for shard, volume in enumerate(volumes):
        at = f"{prefix}{shard:02d}/{shard_name(prefix, shard)}"
        blobs.write(f"{at}.manifest", f"{volume}\n".encode())
        alias = _alias(shard_name(prefix, shard), [f"{NODE_FOLDER}/{volume}"])
        blobs.write(f"{at}.nal", alias.encode())


def _alias(title: str, volumes: list[str]) -> str:
    return f"TITLE {title}\nDBLIST {' '.join(volumes)}\n"


def _database(prefix: str) -> str:
    """The URL of the folder of the database, with a slash, as ElasticBLAST derives it."""
    root, _, name = prefix.rpartition("/")
    database = re.sub(r"_shard_$", "", name)
    return f"{root.rpartition('/')[0]}/{database}/"
