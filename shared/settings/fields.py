"""The settings as fields of a model, with their formats and defaults."""

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from shared.settings.formats import (
    ClusterName,
    ConnectionString,
    DnsName,
    Duration,
    Guid,
    MachineTypes,
    Memory,
    Names,
    OptionalPath,
    Origins,
    OwnerId,
    RequestRate,
    RetryDelay,
    RetryFactor,
    RetryTries,
    Schedule,
    SecureUrl,
    StorageAccountName,
)
from shared.util.durations import PollSchedule, Rate


class AuthMode(StrEnum):
    """How callers authenticate."""

    LOCAL = "local"
    ENTRA = "entra"
    EASY_AUTH = "easy_auth"


class SettingsFields(BaseModel):
    """Each field is read from `BLAST_` and its name in capitals.

    The docstrings are the meanings in docs/settings.md; a retry policy has one for its four fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    auth_mode: AuthMode
    """How callers authenticate; see [callers](operations.md#callers). `local` makes every
    request on loopback one caller; it is refused where one of `WEBSITE_SITE_NAME`,
    `WEBSITE_INSTANCE_ID`, `WEBSITE_POD_NAME`, `WEBSITE_SKU`, `CONTAINER_NAME`,
    `LEGION_SERVICE_HOST` and `CONTAINER_APP_NAME` is set, because Azure sets them. Other
    containers set `CONTAINER_NAME` too: empty it there to use `local` with another host than
    the local one."""
    tenant_id: Guid = ""
    """The one tenant whose callers are accepted; needed with `entra` and `easy_auth`."""
    client_id: Guid = ""
    """The app registration that access tokens must be issued for; needed with `entra`."""
    authority_url: SecureUrl = "https://login.microsoftonline.com"
    """The sign-in endpoint of the cloud: the source of signing keys and the prefix of the
    issuer of v2 tokens."""
    request_rate_limit: RequestRate = Rate(600, timedelta(minutes=1))
    """Requests of one caller to one instance of the app. A caller that was idle for the period
    may send all of them at once. A client that polls a job every second sends 60 a minute."""
    allowed_origins: Origins = frozenset()
    """The origins whose pages may call the API in a browser (CORS), such as
    `https://dashboard.example.org`: exactly these, with a token and never with cookies. A page that
    is served from the app's own address needs none."""
    max_active_jobs: int = Field(100, ge=1)
    """Active jobs of one caller, from which on HTTP accepts no new one. A batch counts as one, and
    each of its searches that is retried as another; a job counts until it has ended. Counting takes
    one query per thousand jobs. A count is used for a second, and for a tenth of the jobs that it
    left to the limit. So a caller of N processes can exceed the limit by N - 1 tenths, and in one
    process three simultaneous requests may take the last place."""

    storage_account: StorageAccountName
    """The storage account of the tables, the blobs and the completions queue."""
    storage_suffix: DnsName = "core.windows.net"
    """The DNS suffix of the storage services of the cloud."""
    storage_connection_string: ConnectionString = Field("", repr=False)
    """For Azurite. If it is empty, the app uses its managed identity."""
    sidecar_url: SecureUrl
    """The address of the sidecar."""
    sidecar_token: str = Field(
        "", pattern=r"^([!-~]{32,})?$", repr=False, title="at least 32 printable characters"
    )
    """The token of the sidecar, read at start. Set either this or
    `BLAST_SIDECAR_TOKEN_FILE`."""
    sidecar_token_file: OptionalPath = None
    """A file with the token. It is read again when the sidecar refuses the token, so that a
    rotation needs no restart."""
    kubeconfig: OptionalPath = None
    """The credentials for the clusters: for each cluster the context or cluster of its name,
    else the current context. Without it the app reaches AKS clusters by its own identity,
    which needs the role *Azure Kubernetes Service Cluster User* and the rights to list and
    delete Jobs, list pods and events, get logs of pods, and write Leases."""
    arm_url: SecureUrl = "https://management.azure.com"
    """The Azure Resource Manager endpoint of the cloud."""

    queue_owner_oid: OwnerId = "local"
    """The object id of the owner of searches that arrive by queue. The default is the caller
    of the `local` mode; on Azure a value is needed."""
    queue_owner_tenant_id: OwnerId = "local"
    """The tenant of that owner."""
    queue_owner_upn: str = Field("you@localhost", min_length=1)
    """The name of that owner, as people read it."""

    cluster_name: ClusterName
    """The cluster of searches that name none."""
    allowed_clusters: Names = frozenset()
    """Other clusters that searches may name."""
    resource_group: str = Field(min_length=1)
    """The resource group of the clusters; it is written into each search's config."""
    region: str = Field(pattern=r"^[a-z0-9]+$", title="lower-case letters and digits")
    """The Azure region of the clusters, for each search's config."""
    subscription_id: str = ""
    """The subscription of the clusters; needed without a kubeconfig."""
    acr_name: str = ""
    """The container registry of the ElasticBLAST images, for each search's config."""
    acr_resource_group: str = ""
    """The resource group of that registry."""

    machine_type: str = "Standard_E16s_v5"
    """The VM size of the nodes of searches that name none."""
    extra_machine_types: MachineTypes = frozenset()
    """VM sizes that this deployment's elastic-blast knows beside those in
    `shared/contracts/machines.py`, with their memory in GiB."""
    num_nodes: int = Field(1, ge=1, le=100)
    """The number of nodes of searches that name none."""
    num_cpus: int = Field(8, ge=1)
    """The processors of each BLAST pod."""
    mem_request: Memory = "4G"
    """The memory request of each BLAST pod of searches that name none."""
    mem_limit: Memory = "32G"
    """The memory limit of each BLAST pod of searches that name none."""
    batch_len: int = Field(100_000, ge=1)
    """The residues in a batch of queries of searches that name no `batch_len`."""
    default_outfmt: str = Field(
        "5",
        pattern=r"^(5|[67]( [a-z_]{1,20}){0,50})$",
        title="`5`, or `6` or `7` and optional column names",
    )
    """The output format of searches that name none: 5 is XML, 6 and 7 are tables.
    elastic-blast's own default, 11, cannot be read here. For a database in shards, 5 replaces
    tables without the columns by which elastic-blast merges."""

    job_timeout: Duration = timedelta(hours=48)
    """The time from acceptance until a search that has not ended is cleaned up and becomes
    `timed_out`."""
    submit_timeout: Duration = Field(timedelta(minutes=25), le=timedelta(minutes=30))
    """The timeout of one `elastic-blast submit`."""
    reconcile_after: Duration = timedelta(minutes=5)
    """The time after a job's next step is due, from which on `reconcile` checks its
    orchestration."""
    job_list_cache_ttl: Duration = timedelta(seconds=2)
    """The age up to which searches share one list of a cluster's Jobs."""
    pod_diagnosis_after: Duration = timedelta(minutes=2)
    """The time without progress, after which the pods of a search are listed for the
    reason."""
    missing_jobs_grace: Duration = timedelta(minutes=10)
    """The time that a search may have neither a Job that can finish it nor a marker, before it
    fails with `jobs_missing`."""
    cleanup_timeout: Duration = timedelta(minutes=10)
    """The longest clean-up of a failed search. Then it ends with `left_on_cluster: unknown`,
    and `reconcile` continues the clean-up."""
    retention: Duration = Field(timedelta(days=90), ge=timedelta(days=1), le=timedelta(days=3650))
    """The time for which an ended job and its history are kept."""
    results_grace: Duration = timedelta(minutes=2)
    """The time that results may lag behind the SUCCESS marker."""
    index_timeout: Duration = timedelta(minutes=10)
    """The longest indexing of a search's hits. Then the search is `completed`, and its hits are
    indexed when they are first requested."""
    index_cache_mib: int = Field(2048, ge=64)
    """The disk space for indexes of hits, in MiB, of each instance of the app. What was not used
    for longest is removed."""
    poll_schedule: Schedule = PollSchedule.parse("2s/10s 5s/70s 15s/15m 60s")
    """The poll interval by the age of the search: `2s/10s 5s/70s 60s` polls every 2 s until
    the search is 10 s old, every 5 s until 70 s, then every 60 s. Keep intervals at 5 min or
    less, because finished Jobs vanish after 30 min."""

    retry_transient_first: RetryDelay = timedelta(seconds=15)
    """The sidecar, Azure or the cluster does not answer, is overloaded or reports a passing
    failure."""
    retry_transient_factor: RetryFactor = 2
    retry_transient_longest: RetryDelay = timedelta(minutes=5)
    retry_transient_tries: RetryTries = 8
    retry_capacity_first: RetryDelay = timedelta(seconds=60)
    """elastic-blast reports that the cluster has no room or a quota is used up."""
    retry_capacity_factor: RetryFactor = 1.5
    retry_capacity_longest: RetryDelay = timedelta(minutes=15)
    retry_capacity_tries: RetryTries = None
    retry_conflict_first: RetryDelay = timedelta(seconds=30)
    """elastic-blast reports a conflict with another operation."""
    retry_conflict_factor: RetryFactor = 1.5
    retry_conflict_longest: RetryDelay = timedelta(minutes=5)
    retry_conflict_tries: RetryTries = None
    retry_submit_slot_first: RetryDelay = timedelta(seconds=30)
    """Another search holds the submit slot of the cluster. The delay grows with the time waited
    and `TRIES` has no effect: the search waits until its deadline."""
    retry_submit_slot_factor: RetryFactor = 1.5
    retry_submit_slot_longest: RetryDelay = timedelta(minutes=5)
    retry_submit_slot_tries: RetryTries = None
    retry_configuration_first: RetryDelay = timedelta(seconds=60)
    """The sidecar refuses the token, or Azure or the cluster refuses the app's role; an
    operator must act."""
    retry_configuration_factor: RetryFactor = 1.5
    retry_configuration_longest: RetryDelay = timedelta(minutes=15)
    retry_configuration_tries: RetryTries = None
    retry_unknown_first: RetryDelay = timedelta(seconds=20)
    """A submission ended without a known outcome; each try first looks for the search."""
    retry_unknown_factor: RetryFactor = 2
    retry_unknown_longest: RetryDelay = timedelta(minutes=5)
    retry_unknown_tries: RetryTries = 6
    retry_crash_first: RetryDelay = timedelta(seconds=10)
    """An activity raised an unexpected error."""
    retry_crash_factor: RetryFactor = 2
    retry_crash_longest: RetryDelay = timedelta(minutes=5)
    retry_crash_tries: RetryTries = 5
