"""Parses and validates elastic-blast's INI. Pure."""

import configparser
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from local.elastic_blast.config_rules import rule_faults

MAX_INI_BYTES = 1024 * 1024
"""Maximum size of an INI in bytes."""

DEFAULT_OUTFMT = "-outfmt 11"


class InvalidConfig(ValueError):
    """The config is invalid; the message has one fault per line."""


@dataclass(frozen=True)
class Config:
    """The INI's values that a submission uses."""

    cluster_name: str
    program: str
    database_url: str
    query_url: str
    results_url: str
    options: str
    batch_len: int
    mem_request: str
    mem_limit: str
    db_partitions: int
    db_partition_prefix: str
    setup_minutes: int
    search_minutes: int
    region: str
    resource_group: str
    acr_resource_group: str
    acr_name: str
    storage_account: str
    storage_container: str
    machine_type: str
    num_nodes: int
    num_cpus: int


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


def _anything(value: str) -> bool:
    return True


_PROGRAMS = "blastn|blastp|blastx|tblastn|tblastx|psiblast|rpsblast|rpstblastn"
_positive, _non_negative = _matches(r"0*[1-9]\d{0,11}"), _matches(r"\d{1,12}")
_memory, _boolean = _matches(r"\d+[kKmMgGtT]i?"), _matches(r"(?i)true|false|yes|no|on|off|1|0")

_KEYS: dict[str, dict[str, Callable[[str], bool]]] = {
    "cloud-provider": {
        "azure-region": _matches(r"[a-z0-9]+"),
        "azure-resource-group": _anything,
        "azure-acr-resource-group": _anything,
        "azure-acr-name": _anything,
        "azure-storage-account": _matches(r"[a-z0-9]{3,24}"),
        "azure-storage-account-container": _anything,
    },
    "cluster": {
        "name": _matches(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"),
        "machine-type": _matches(r"Standard_\w+"),
        "num-nodes": _positive,
        "num-cpus": _positive,
        "reuse": _boolean,
        "exp-use-local-ssd": _boolean,
    },
    "blast": {
        "program": _matches(_PROGRAMS),
        "db": _anything,
        "queries": _anything,
        "results": _anything,
        "options": _anything,
        "batch-len": _positive,
        "mem-request": _memory,
        "mem-limit": _memory,
        "db-partitions": _non_negative,
        "db-partition-prefix": _anything,
    },
    "timeouts": {"init-pv": _positive, "blast-k8s-job": _positive},
}
"""Every supported key and its format; elastic-blast refuses unknown keys."""

_REQUIRED = (
    ("cloud-provider", "azure-region"),
    ("cloud-provider", "azure-storage-account"),
    ("cluster", "name"),
    *(("blast", key) for key in ("program", "db", "queries", "results")),
)

_OVERRIDES = {
    "AZURE_RESOURCE_GROUP": ("cloud-provider", "azure-resource-group"),
    "AZURE_REGION": ("cloud-provider", "azure-region"),
    "AZURE_STORAGE_ACCOUNT": ("cloud-provider", "azure-storage-account"),
    "AZURE_ACR_NAME": ("cloud-provider", "azure-acr-name"),
    "ELB_CLUSTER_NAME": ("cluster", "name"),
    "ELB_RESULTS": ("blast", "results"),
    "ELB_BATCH_LEN": ("blast", "batch-len"),
}
"""Environment variables that override the INI, as in elastic-blast."""


def parse_config(text: str, environment: Mapping[str, str], is_patched: bool = True) -> Config:
    """Parse `text`, with the overrides of `environment`, as the dashboard's build or the original.

    Raises InvalidConfig with every fault.
    """
    parser = _read(text)
    for variable, (section, key) in _OVERRIDES.items():
        if variable in environment:
            if not parser.has_section(section):
                parser.add_section(section)
            parser.set(section, key, environment[variable].replace("%", "%%"))
    try:
        if faults := list(_faults(parser)):
            raise InvalidConfig("\n".join(faults))
        config = _config(parser)
    except configparser.InterpolationError as error:
        raise InvalidConfig(str(error)) from error
    if faults := list(rule_faults(config, is_patched)):
        raise InvalidConfig("\n".join(faults))
    return config


def _read(text: str) -> configparser.ConfigParser:
    if not text.strip():
        raise InvalidConfig("the config is empty")
    if len(text.encode()) > MAX_INI_BYTES:
        raise InvalidConfig(f"the config is larger than {MAX_INI_BYTES} bytes")
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise InvalidConfig(str(error)) from error
    return parser


def _faults(parser: configparser.ConfigParser) -> Iterator[str]:
    for section in parser.sections():
        keys = _KEYS.get(section)
        if keys is None:
            yield f"unknown section [{section}]"
            continue
        for key, value in parser.items(section):
            if key not in keys:
                yield f"unknown key {key!r} in section [{section}]"
            elif not keys[key](value):
                yield f"[{section}] {key} has an invalid value: {value!r}"
    for section, key in _REQUIRED:
        if not parser.has_option(section, key):
            yield f"[{section}] {key} is missing"


def _config(parser: configparser.ConfigParser) -> Config:
    def blast(key: str, default: str = "") -> str:
        return parser.get("blast", key, fallback=default)

    return Config(
        cluster_name=parser.get("cluster", "name"),
        program=blast("program"),
        database_url=blast("db"),
        query_url=blast("queries"),
        results_url=blast("results").rstrip("/"),
        options=_with_outfmt(blast("options")),
        batch_len=int(blast("batch-len", "10000")),
        mem_request=blast("mem-request", "1G"),
        mem_limit=blast("mem-limit", "4G"),
        db_partitions=int(blast("db-partitions", "0")),
        db_partition_prefix=blast("db-partition-prefix"),
        setup_minutes=parser.getint("timeouts", "init-pv", fallback=45),
        search_minutes=parser.getint("timeouts", "blast-k8s-job", fallback=1440),
        region=parser.get("cloud-provider", "azure-region"),
        resource_group=parser.get("cloud-provider", "azure-resource-group", fallback=""),
        acr_resource_group=parser.get("cloud-provider", "azure-acr-resource-group", fallback=""),
        acr_name=parser.get("cloud-provider", "azure-acr-name", fallback=""),
        storage_account=parser.get("cloud-provider", "azure-storage-account"),
        storage_container=parser.get(
            "cloud-provider", "azure-storage-account-container", fallback="blast-db"
        ),
        machine_type=parser.get("cluster", "machine-type", fallback="Standard_E16s_v5"),
        num_nodes=parser.getint("cluster", "num-nodes", fallback=1),
        num_cpus=parser.getint("cluster", "num-cpus", fallback=8),
    )


def _with_outfmt(options: str) -> str:
    """elastic-blast adds its archive format when the options name no format."""
    return options if "-outfmt" in options else f"{options} {DEFAULT_OUTFMT}".strip()
