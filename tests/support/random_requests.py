"""Random requests, and the searches of those that the door accepts."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from shared.contracts.machines import MACHINES
from shared.contracts.search import Program, Search
from shared.errors import Invalid
from shared.settings import Settings
from tests.support.blast_oracle import NUCLEOTIDE_QUERY, NUCLEOTIDES, RESIDUES
from tests.support.random_options import random_options, valid_values
from triggers.submission.parse import parse

DATABASES = (
    *("16S", "nt", "My_Db.v2", "a.b", "x" * 29, "n" * 33, "n" * 34, "0", "custom/mine", "pdb_nt"),
    *("custom/nt/nt", "blast-db/core_nt/core_nt", "_under", "end-", "a..b", "custom/a/b/c"),
    *("1e3", "0x1f", "No", "1_0", "7z"),
)
FORMATS = (5, 6, 7, 0, 11, 15, 18, "6 std staxids", "7 qaccver sseqid evalue bitscore", "10 std")
MEMORY = ("1G", "4G", "4Gi", "512Mi", "30Gi", "31G", "32G", "126Gi", "500G", "1T", "900k", "2Ki")


def accepted_searches(seed: int, settings: Settings) -> Iterator[tuple[dict[str, Any], Search]]:
    """Random requests that are accepted, with their searches; never ends."""
    chance = random.Random(seed)
    while True:
        body = random_request(chance)
        try:
            search = parse(body, settings).search
        except Invalid:
            continue
        yield body, replace(search, query_url=settings.account.url("queries", "q/query.fa"))


@cache
def _values(program: Program) -> dict[str, list[str]]:
    return valid_values(program)


def random_request(chance: random.Random) -> dict[str, Any]:
    """A request with values that often can be accepted."""
    program = chance.choice(list(Program))
    letters = NUCLEOTIDES if program in NUCLEOTIDE_QUERY else RESIDUES
    body: dict[str, Any] = {
        "program": program.value,
        "db": chance.choice(DATABASES),
        "query_data": "".join(
            f">q{n}\n{letters[: chance.randint(4, len(letters))]}\n"
            for n in range(chance.randint(1, 12))
        ),
    }
    optional: dict[str, Any] = {
        "additional_options": " ".join(random_options(_values(program), chance, 4, 1)),
        "outfmt": chance.choice(FORMATS),
        "evalue": chance.choice((10, 1e-300, "0.3333333333333333", 1e-5)),
        "max_target_seqs": chance.choice((1, 500, 50_000)),
        "machine_type": chance.choice(sorted(MACHINES)),
        "num_nodes": chance.choice((1, 2, 10, 100)),
        "mem_request": chance.choice(MEMORY),
        "mem_limit": chance.choice(MEMORY),
        "batch_len": chance.choice((1, 60, 1000, 100_000, 1_000_000_000)),
        "db_partitions": chance.choice((0, 0, 1, 2, 10)),
    }
    return body | {name: value for name, value in optional.items() if chance.random() < 0.4}
