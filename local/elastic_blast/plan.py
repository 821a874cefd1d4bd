"""The plan of a submission, and all names derived from it. Pure."""

import json
import re
from dataclasses import asdict, dataclass

from local.elastic_blast.fault_rules import JobFaultRule

KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""The idempotency keys that elastic-blast accepts."""
PLAN = "local-plan.json"
"""Read by the `submit` Job; ElasticBLAST passes the plan in another form."""
_MAX_LABEL_LENGTH = 63
"""Maximum length of a label value (source: Kubernetes); pods have their Job's name as a label."""


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

    def query_url(self, batch: int) -> str:
        return f"{self.root}/query_batches/batch_{batch:03d}.fa"

    def result_url(self, batch: int) -> str:
        return f"{self.root}/batch_{batch:03d}-{self.program}-{self.database}.out.gz"

    @property
    def setup_name(self) -> str:
        return f"init-ssd-{self._last8}-0"

    @property
    def submit_name(self) -> str:
        return f"submit-jobs-{self._last8}"

    @property
    def finalizer_name(self) -> str:
        return f"elb-finalizer-{self._last8}"

    def blast_name(self, batch: int) -> str:
        """`<program>-batch-<db>-job-<NNN>-<last8>`; the database's name is cut to fit."""
        tail = f"-job-{batch:03d}-{self._last8}"
        head = f"{self.program}-batch-"
        database = re.sub(r"[^a-z0-9-]+", "-", self.database.lower())
        return head + database[: _MAX_LABEL_LENGTH - len(head) - len(tail)] + tail

    @property
    def _last8(self) -> str:
        return self.elb_job_id[-8:]


def arguments(options: str) -> tuple[str, ...]:
    """Split `options` into tokens; the columns after `-outfmt N` stay one token with it."""
    tokens: list[str] = []
    for token in options.split():
        if token.startswith("-") or len(tokens) < 2 or tokens[-2] != "-outfmt":
            tokens.append(token)
        else:
            tokens[-1] = f"{tokens[-1]} {token}"
    return tuple(tokens)
