"""The plan of a submission, and all names derived from it. Pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from local.elastic_blast.fault_rules import JobFaultRule
from local.elastic_blast.shards import shard_name

KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""The idempotency keys that elastic-blast accepts."""
PLAN = "local-plan.json"
"""Read by the `submit` Job; ElasticBLAST passes the plan in another form."""


@dataclass(frozen=True)
class Plan:
    """The data from which the Jobs are made; stored beside the results for the `submit` Job."""

    elb_job_id: str
    cluster_name: str
    program: str
    options: tuple[str, ...]
    """Arguments of the program, one per token."""
    database_url: str
    database_folder: str
    """The folder of the downloaded database."""
    results_url: str
    """The base URL of all results, without the job's own folder."""
    batches: int
    """Number of batches; they are numbered from 0."""
    mem_request: str
    mem_limit: str
    setup_minutes: int
    search_minutes: int
    fault_rule: JobFaultRule
    num_nodes: int = 1
    partition_prefix: str = ""
    """The URL before the number of each shard; empty for a database that is not in shards."""
    shard_folders: tuple[str, ...] = ()
    """The folder of each downloaded shard."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "Plan":
        from pydantic import TypeAdapter  # slow import; only one Job reads a plan

        return TypeAdapter(Plan).validate_json(text)

    @property
    def root(self) -> str:
        """The URL of the job's own folder in the results container, without a trailing slash."""
        return f"{self.results_url}/{self.elb_job_id}"

    @property
    def database(self) -> str:
        """The database's name: the last part of its URL."""
        return self.database_url.rsplit("/", 1)[-1]

    def metadata_url(self, name: str) -> str:
        return f"{self.root}/metadata/{name}"

    @property
    def shards(self) -> Sequence[int | None]:
        """The numbers of the shards; one None for a database that is not in shards."""
        return range(len(self.shard_folders)) if self.shard_folders else [None]

    @property
    def blast_jobs(self) -> int:
        return self.batches * len(self.shards)

    def query_url(self, batch: int) -> str:
        return f"{self.root}/query_batches/batch_{batch:03d}.fa"

    def result_url(self, batch: int, shard: int | None = None) -> str:
        name = f"batch_{batch:03d}-{self.program}-{self.searched(shard)}.out.gz"
        return f"{self.root}/{_shard_path(shard)}{name}"

    def failure_url(self, shard: int | None = None) -> str:
        return f"{self.root}/{_shard_path(shard)}metadata/FAILURE.txt"

    def searched(self, shard: int | None = None) -> str:
        """The name of the database that BLAST searches."""
        return self.database if shard is None else shard_name(self.partition_prefix, shard)

    def folder(self, shard: int | None = None) -> str:
        return self.database_folder if shard is None else self.shard_folders[shard]

    def label(self, shard: int | None = None) -> str:
        """The value of the label `db`, which is in the names of Jobs, too."""
        return self.database if shard is None else f"s{shard:02d}"

    def setup_name(self, node: int) -> str:
        return f"init-ssd-{self._last8}-{node}"

    @property
    def submit_name(self) -> str:
        return f"submit-jobs-{self._last8}"

    @property
    def finalizer_name(self) -> str:
        return f"elb-finalizer-{self._last8}"

    def blast_name(self, batch: int, shard: int | None = None) -> str:
        """`<program>-batch-<db>-job-<NNN>-<last8>`, of any length: Kubernetes refuses long ones."""
        database = self.label(shard).lower().replace("_", "-")
        return f"{self.program}-batch-{database}-job-{batch:03d}-{self._last8}"

    @property
    def _last8(self) -> str:
        return self.elb_job_id[-8:]


def _shard_path(shard: int | None) -> str:
    return "" if shard is None else f"shard_{shard:02d}/"


def arguments(options: str, is_patched: bool = True) -> tuple[str, ...]:
    """Split `options` into tokens, as the script of a blast pod does.

    In the dashboard's build, the columns after `-outfmt N` stay one token with it.
    """
    if not is_patched:
        return tuple(options.split())
    tokens: list[str] = []
    for token in options.split():
        if token.startswith("-") or len(tokens) < 2 or tokens[-2] != "-outfmt":
            tokens.append(token)
        else:
            tokens[-1] = f"{tokens[-1]} {token}"
    return tuple(tokens)
