"""What elastic-blast refuses about valid values of a config, as a whole. Pure."""

import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.elastic_blast.config import Config

MACHINES: Mapping[str, tuple[int, int]] = {
    **{f"Standard_D{n}s_v3": (n, 4 * n) for n in (8, 16, 32, 64)},
    "Standard_E64s_v3": (64, 432),
    "Standard_E64is_v3": (64, 504),
    **{f"Standard_E{n}{b}s_v5": (n, 8 * n) for n in (16, 32, 48, 64) for b in ("", "b")},
    **{f"Standard_E96{b}s_v5": (96, 672) for b in ("", "b")},
    **{f"Standard_L{n}{a}s_v3": (n, 8 * n) for n in (8, 16, 32, 48, 64, 80) for a in ("", "a")},
    "Standard_HB120rs_v3": (120, 480),
    "Standard_HC44rs": (44, 352),
    "Standard_HB60rs": (60, 240),
}
"""CPUs and GiB of the machine types that the Azure port knows (f4b8b734)."""
RESERVED_GIB = 2
_UNSUPPORTED = {
    *("-remote", "-seqidlist", "-negative_seqidlist", "-gilist", "-negative_gilist"),
    *("-filtering_db", "-in_pssm", "-entrez_query", "-in_msa"),
}


def rule_faults(config: "Config", is_patched: bool) -> Iterator[str]:
    """Yield a sentence per fault. `is_patched`: the dashboard's build merges more formats."""
    yield from _machine_faults(config)
    try:
        options = shlex.split(config.options)
    except ValueError as error:
        yield f'Incorrect BLAST options: {error} in "{config.options}"'
        return
    if unsupported := _UNSUPPORTED & set(options):
        yield f"The BLAST+ option {sorted(unsupported)[0]} is not supported in ElasticBLAST"
    if config.db_partitions:
        if not config.db_partition_prefix:
            yield "db-partition-prefix must be specified when db-partitions > 0"
        if not _is_merged(options, is_patched):
            yield "Partitioned BLAST requires another outfmt, which can be merged"


def _machine_faults(config: "Config") -> Iterator[str]:
    for name, memory in (("request", config.mem_request), ("limit", config.mem_limit)):
        if not _gib(memory):
            yield f"Memory {name} must be larger than zero: {memory}"
    if config.machine_type not in MACHINES:
        yield f"Cannot get properties for {config.machine_type}"
        return
    cpus, gib = MACHINES[config.machine_type]
    if config.num_cpus > cpus:
        yield f"Requested number of CPUs ({config.num_cpus}) exceeds that of the machine, {cpus}"
    if _gib(config.mem_limit) > gib - RESERVED_GIB:
        available = f"memory available on the selected machine type: {gib - RESERVED_GIB}GB"
        yield f'Memory limit "{config.mem_limit}" exceeds {available}'


def _gib(quantity: str) -> float:
    match = re.fullmatch(r"(\d+)([kmgtKMGT])(i?)", quantity)
    assert match is not None  # the key's format was checked
    power = "kmgt".index(match[2].lower()) + 1
    return int(match[1]) * float((1024 if match[3] else 1000) ** power) / 1024**3


def _is_merged(options: list[str], is_patched: bool) -> bool:
    """Whether the CLI takes the output format for shards.

    Options have no quotes, so that the CLI sees the number of a format, and never its columns.
    """
    pairs = pairwise(options)
    number = next((value for name, value in pairs if name == "-outfmt"), "11")
    return number in ({"5", "6", "7"} if is_patched else {"5", "6"})
