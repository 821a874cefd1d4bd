"""Claims: the job that an owner's last submission of a content made, for submissions without a key.

A claim is written in one transaction with the active row of its job, ahead of the job's own row. So
of two submissions of one content, also by two processes, one gets the claim and the other learns of
it, whatever their clocks say and however long each of them takes before.
"""

import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.clients.tables import (
    LARGEST_TRANSACTION,
    Columns,
    ConcurrencyConflict,
    Delete,
    Insert,
    Replace,
    Table,
)
from shared.contracts.job import Caller
from shared.errors import Unavailable
from shared.jobs import rows

LIFETIME = timedelta(minutes=30)
MAX_AGE_OF_LOOK = LIFETIME / 2
"""No claim is written that long after the look before it: one that was written in between could
have been removed, so that nothing would tell of it."""
_PREFIX = "claim-"
"""Before the ids of jobs in the order of row keys."""


class ClaimTaken(Exception):
    """Another submission of the content was faster: look at its claim."""


@dataclass(frozen=True)
class ContentClaim:
    """The claim on an owner's content, as a submission found it."""

    owner: Caller
    content: str
    seen_at: datetime
    active_rows: int
    """Of the owner: at most as many as were asked for, and also those that have no job."""
    job_id: str | None = None
    """None if the content is not claimed. There may be no such job: its creator is about to
    write it, or has died."""
    claimed_at: datetime | None = None
    etag: str = ""


class ContentClaims:
    """The claims of all owners. Every method raises Unavailable if storage does not answer."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def find(self, owner: Caller, content: str, most: int, now: datetime) -> ContentClaim:
        """The claim on a content, with the number of the owner's active rows, at most `most`.

        One query per 1000 rows.
        """
        partition, key = rows.active_owner_partition(owner), _key(content)
        where = "PartitionKey eq @partition and ( RowKey eq @claim or has_ended eq @ended )"
        values = {"partition": partition, "claim": key, "ended": False}
        columns = ("RowKey", "job_id", "claimed_at")
        found = await self._table.query_first(where, values, most + 1, columns)
        jobs = [row for row in found if row.columns["RowKey"] != key]
        claim = ContentClaim(owner, content, now, min(len(jobs), most))
        if len(jobs) == len(found):
            return claim
        row = found[0]
        claimed_at = rows.plain_value(row.columns["claimed_at"])
        return replace(claim, job_id=row.columns["job_id"], claimed_at=claimed_at, etag=row.etag)

    async def write(self, claim: ContentClaim, active_row: Columns) -> None:
        """Claim the content for the job of this active row, which has no other row yet.

        Raises ClaimTaken if the claim is no longer the one that was found, and Unavailable if that
        was too long ago.
        """
        claimed_at = active_row["since"]
        if claimed_at - claim.seen_at > MAX_AGE_OF_LOOK:
            text = f"the submission was not checked within {MAX_AGE_OF_LOOK}: send it again"
            raise Unavailable("storage_unavailable", text)
        row = {
            "PartitionKey": rows.active_owner_partition(claim.owner),
            "RowKey": _key(claim.content),
            "job_id": active_row["RowKey"],
            "claimed_at": claimed_at,
        }
        written = Replace(row, claim.etag) if claim.etag else Insert(row)
        try:
            await self._table.commit([written, Insert(active_row)])
        except ConcurrencyConflict as error:
            # It may be our own write whose response was lost: then the claim is our own, too.
            raise ClaimTaken from error

    async def remove_expired(
        self, now: datetime, is_time_up: Callable[[], bool] = lambda: False
    ) -> int:
        """Remove the claims that are older than LIFETIME, until the time is up; returns their
        number.

        One query per 1000 claims, and a transaction per owner and LARGEST_TRANSACTION of them. One
        that is claimed again meanwhile, and those in its transaction, stay until the next time.
        """
        removed = 0
        async with aclosing(self._expired(now - LIFETIME)) as expired:
            async for claims in expired:
                if is_time_up():
                    break
                with suppress(ConcurrencyConflict):
                    await self._table.commit(claims)
                    removed += len(claims)
        return removed

    async def _expired(self, before: datetime) -> AsyncGenerator[list[Delete]]:
        """Claims of one owner each time."""
        where = f"{rows.IS_ACTIVE} and RowKey ge @first and RowKey lt @after"
        where += " and claimed_at lt @before"
        keys = {"first": _PREFIX, "after": rows.after(_PREFIX)}
        values = {**rows.ACTIVE_RANGE, **keys, "before": before}
        claims: list[Delete] = []
        async for row in self._table.query(where, values, ("PartitionKey", "RowKey")):
            claim = Delete(row.columns["PartitionKey"], row.columns["RowKey"], row.etag)
            is_full = len(claims) == LARGEST_TRANSACTION
            if claims and (is_full or claims[0].partition != claim.partition):
                yield claims
                claims = []
            claims.append(claim)
        if claims:
            yield claims


def _key(content: str) -> str:
    return _PREFIX + hashlib.sha256(content.encode()).hexdigest()[:32]
