"""I8: a connection that is lost before the response costs no call of Tables.

Storage closes a connection that was kept for some seconds; a process that has little time may send
its next request over that one. The SDK sends a POST again only where an option says so.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from local.azurite import ACCOUNT, KEY, Azurite
from shared.clients.tables import (
    ConcurrencyConflict,
    Delete,
    Insert,
    Replace,
    Row,
    Table,
    open_table,
)
from shared.errors import Unavailable
from tests.faults.faults import Fault, FaultKind
from tests.faults.proxy import Proxies
from tests.support.misbehaving_server import MisbehavingServer, misbehaving_server, responds

OLD = {"PartitionKey": "p", "RowKey": "old"}
NEW = {"PartitionKey": "p", "RowKey": "new"}
OTHER = {"PartitionKey": "p", "RowKey": "other"}
Call = Callable[[Table, Row], Awaitable[object]]
READS: dict[str, Call] = {
    "get": lambda table, _: table.get("p", "old"),
    "query": lambda table, _: table.query_first("PartitionKey eq @p", {"p": "p"}, 1),
}
IDEMPOTENT: dict[str, Call] = {
    "upsert": lambda table, _: table.upsert(NEW),
    "delete": lambda table, _: table.delete("p", "old"),
    "create": lambda table, _: table.ensure(),
}
CONDITIONAL: dict[str, Call] = {
    "insert": lambda table, _: table.write(Insert(NEW)),
    "replace": lambda table, old: table.write(Replace(OLD, old.etag)),
    "transaction": lambda table, old: table.commit([Insert(NEW), Replace(OLD, old.etag)]),
    "transaction-of-deletions": lambda table, old: table.commit([Delete("p", "old", old.etag)]),
}
ALL = READS | IDEMPOTENT | CONDITIONAL


@pytest.fixture
async def table(azurite: Azurite, proxies: Proxies) -> AsyncIterator[Table]:
    """A table with the row OLD, whose client has a connection that was used before."""
    proxy = proxies.add_proxy("table", lambda: azurite.table)
    connection = azurite.connection_string.replace(azurite.table, proxy)
    table = open_table(f"t{uuid.uuid4().hex}", connection, "", None)
    await table.ensure()
    await table.write(Insert(OLD))
    yield table
    await table.aclose()


async def stored(table: Table) -> Row:
    row = await table.get("p", "old")
    assert row is not None
    return row


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("call", ALL.values(), ids=ALL)
async def test_a_connection_that_was_closed_meanwhile_costs_no_call(
    table: Table, proxies: Proxies, call: Call, times: int
) -> None:
    old = await stored(table)
    with proxies.fault(Fault(FaultKind.RESET_BEFORE, times=times)) as fault:
        await call(table, old)
    assert len(fault.met) == times


@pytest.mark.parametrize("call", (READS | IDEMPOTENT).values(), ids=READS | IDEMPOTENT)
async def test_a_lost_response_costs_no_call_that_can_be_repeated(
    table: Table, proxies: Proxies, call: Call
) -> None:
    old = await stored(table)
    with proxies.fault(Fault(FaultKind.RESET_AFTER)) as fault:
        await call(table, old)
    assert fault.met


@pytest.mark.parametrize("call", CONDITIONAL.values(), ids=CONDITIONAL)
async def test_a_lost_response_of_a_conditional_write_is_a_conflict_with_itself(
    table: Table, proxies: Proxies, call: Call
) -> None:
    old = await stored(table)
    before = await table.query_first("PartitionKey eq @p", {"p": "p"}, 9)
    with proxies.fault(Fault(FaultKind.RESET_AFTER)), pytest.raises(ConcurrencyConflict):
        await call(table, old)
    assert await table.query_first("PartitionKey eq @p", {"p": "p"}, 9) != before, "it was applied"


POSTS = {name: call for name, call in CONDITIONAL.items() if name != "replace"}


@pytest.mark.parametrize("call", POSTS.values(), ids=POSTS)
async def test_storage_that_never_answers_a_write_gets_three_attempts(
    table: Table, proxies: Proxies, call: Call
) -> None:
    old = await stored(table)
    with (
        proxies.fault(Fault(FaultKind.RESET_BEFORE, times=None)) as fault,
        pytest.raises(Unavailable),
    ):
        await call(table, old)
    assert len(fault.met) == 3


@pytest.fixture
def closing() -> Iterator[MisbehavingServer]:
    """Closes a connection in peace after a request, as a server at the end of its keep-alive."""
    inserted = responds("204 No Content", b"", 'ETag: W/"1"')
    with misbehaving_server(lambda connection, over: None, inserted) as server:
        yield server


async def test_a_connection_that_ends_without_a_reset_costs_no_insert(
    closing: MisbehavingServer,
) -> None:
    at = f"{closing.url}/{ACCOUNT}"
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};TableEndpoint={at};"
    )
    table = open_table("jobs", connection, "", None)
    assert await table.write(Insert(NEW)) == 'W/"1"'
    await table.aclose()
    assert [line.split()[0] for line in closing.lines] == ["POST", "POST"]
