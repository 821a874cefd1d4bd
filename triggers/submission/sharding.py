"""The shards of a request's database: their prefix, and what is wrong about them."""

from dataclasses import replace

from shared.contracts.search import Sizing
from shared.contracts.storage_urls import InvalidPath, StorageAccount
from shared.elastic_blast.sharding import checked_prefix, sharding_faults, shards_prefix
from shared.errors import Fault
from triggers.submission.query_checks import QueryUse


def with_shards(
    use: QueryUse, is_program_valid: bool, account: StorageAccount, faults: list[Fault]
) -> Sizing:
    """The search's sizing with the URL of its shards' prefix, none without shards.

    Before, it has the prefix that the request names, if any. Adds what is wrong to `faults`; the
    database's URL is empty if that is invalid.
    """
    given, shards = use.sizing.db_partition_prefix, use.sizing.db_partitions
    if not shards:
        return replace(use.sizing, db_partition_prefix="")
    program = use.program if is_program_valid else None
    found = sharding_faults(program, use.database_url, use.options, use.sizing)
    faults += [Fault(name, message) for name, message in found]
    prefix = shards_prefix(use.database_url, shards) or ""
    if prefix and given:
        try:
            prefix = checked_prefix(account, given, prefix)
        except InvalidPath as error:
            faults.append(Fault("db_partition_prefix", str(error)))
    return replace(use.sizing, db_partition_prefix=prefix)
