"""Machine types, memory and names of databases that ElasticBLAST and Kubernetes take. Pure."""

import re
from collections.abc import Iterator, Mapping

from shared.contracts.search import Program

MACHINES: Mapping[str, int] = {
    **{f"Standard_D{cpus}s_v3": 4 * cpus for cpus in (8, 16, 32, 64)},
    "Standard_E64s_v3": 432,
    "Standard_E64is_v3": 504,
    **{f"Standard_E{cpus}s_v5": 8 * cpus for cpus in (16, 32, 48, 64)},
    **{f"Standard_E{cpus}bs_v5": 8 * cpus for cpus in (16, 32, 48, 64)},
    "Standard_E96s_v5": 672,
    "Standard_E96bs_v5": 672,
    **{f"Standard_L{cpus}s_v3": 8 * cpus for cpus in (8, 16, 32, 48, 64, 80)},
    **{f"Standard_L{cpus}as_v3": 8 * cpus for cpus in (8, 16, 32, 48, 64, 80)},
    "Standard_HB120rs_v3": 480,
    "Standard_HC44rs": 352,
    "Standard_HB60rs": 240,
}
"""Memory in GiB of the machine types that ElasticBLAST knows; it refuses all others."""
RESERVED_GIB = 2
"""ElasticBLAST's share of a machine's memory for the system."""

_MEMORY = re.compile(r"([0-9]+)([kMGT]|[KMGT]i)")
_POWERS = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4}
_DATABASE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_YAML_NUMBER = re.compile(
    r"[0-9]+(\.[0-9]*)?([eE]-?[0-9]+)?|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+"
)
"""A scalar without underscores that kubectl reads as a number."""
_YAML_WORDS = frozenset(
    form
    for word in ("y", "yes", "on", "true", "n", "no", "off", "false", "null")
    for form in (word, word.capitalize(), word.upper())
)
"""Scalars that kubectl reads as true, false or null (source: YAML 1.1)."""
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
LONGEST_NAME = 63
"""Characters of a label value; the pods of a Job have its name as a label."""
_JOB_NAME = "{program}-batch-{database}-job-{number:03d}-12345678"


def memory_bytes(quantity: str) -> int:
    """The bytes of a Kubernetes quantity of memory, such as 4G or 512Mi. Raises ValueError."""
    match = _MEMORY.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity of memory")
    base = 1024 if match[2].endswith("i") else 1000
    return int(match[1]) * int(base ** _POWERS[match[2][0]])


def sizing_faults(
    machine_type: str, num_cpus: int, mem_request: str, mem_limit: str, machines: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """Yield the field and the message of each fault; `machines` are types with their GiB."""
    if machine_type not in machines:
        yield "machine_type", f"{machine_type!r} is none of {', '.join(sorted(machines))}"
    elif machine_type in MACHINES and _cpus(machine_type) < num_cpus:
        yield "machine_type", f"{machine_type} has fewer CPUs than a pod of a search, {num_cpus}"
    if memory_bytes(mem_request) > memory_bytes(mem_limit):
        yield "mem_request", f"{mem_request} is more than mem_limit, {mem_limit}"
    available = machines.get(machine_type, 0) - RESERVED_GIB
    if available > 0 and memory_bytes(mem_limit) > available * 1024**3:
        yield "mem_limit", f"{mem_limit} is more than a {machine_type} has for BLAST, {available}Gi"


def _cpus(machine_type: str) -> int:
    """The CPUs of one of MACHINES: the number in its name."""
    return int(re.sub(r"Standard_[A-Z]+([0-9]+).*", r"\1", machine_type))


def database_fault(program: Program, url: str) -> str | None:
    """Complete "the database ..." if no Job or label can have the name of the database at a URL."""
    name = url.rpartition("/")[2]
    in_job_name = name.lower().replace("_", "-")
    if not _DATABASE.fullmatch(name) or not all(
        map(_DNS_LABEL.fullmatch, f"x{in_job_name}x".split("."))
    ):
        return (
            f"has the name {name!r}, which Kubernetes does not take: use letters, digits and ._-,"
            " with a letter or digit at its ends"
        )
    if name in _YAML_WORDS or _YAML_NUMBER.fullmatch(name.replace("_", "")):
        # elastic-blast writes it into a label of its YAML without quotes.
        return f"has the name {name!r}, which Kubernetes takes for a number or a truth value"
    excess = excess_in_job_name(program, url, 1)
    if excess <= 0:
        return None
    return (
        f"has a name of {len(name)} characters; at most {len(name) - excess} fit into the names of"
        f" {program}'s Jobs"
    )


def excess_in_job_name(program: Program, url: str, batches: int) -> int:
    """The characters that the longest name of so many Jobs has too many; none if not positive."""
    name = url.rpartition("/")[2]
    job_name = _JOB_NAME.format(program=program, database=name, number=batches - 1)
    return len(job_name) - LONGEST_NAME
