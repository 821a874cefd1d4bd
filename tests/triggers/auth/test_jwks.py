"""Signing keys: cached, refreshed when they expire, and not by forged tokens."""

import asyncio
import json

import pytest
import trustme

from shared.clients.jwks import MAX_AGE, MIN_REFRESH_INTERVAL, open_keys
from shared.errors import Unavailable
from tests.shared.clients.kubernetes.server import Reply, serving
from tests.triggers.auth.directory import TENANT, Directory, new_key

A_CALM, A_LIFE = MIN_REFRESH_INTERVAL.total_seconds(), MAX_AGE.total_seconds()


async def test_failure_39_fifty_first_requests_read_the_keys_once(directory: Directory) -> None:
    keys = directory.keys()
    result = await asyncio.gather(*(keys.key("k1") for _ in range(50)))
    assert result[0] is not None
    assert result == [result[0]] * 50
    assert directory.times_asked == 1


async def test_keys_are_kept_for_a_day(directory: Directory) -> None:
    keys = directory.keys()
    for moment, asked in ((0.0, 1), (A_LIFE, 1), (A_LIFE + 1, 2), (A_LIFE + 2, 2)):
        directory.clock[0] = moment
        assert await keys.key("k1")
        assert directory.times_asked == asked


async def test_an_unknown_key_id_refreshes_the_keys(directory: Directory) -> None:
    keys = directory.keys()
    assert await keys.key("k1")
    directory.published = {"k2": directory.unknown}
    directory.clock[0] = A_CALM
    assert await keys.key("k2")
    assert await keys.key("k1") is None
    assert directory.times_asked == 2


async def test_unknown_key_ids_cause_one_refresh_in_five_minutes(directory: Directory) -> None:
    keys = directory.keys()
    for second in range(0, 3 * int(A_CALM), 10):
        directory.clock[0] = float(second)
        assert await keys.key(f"forged {second}") is None
        assert await keys.key("k1")
    assert directory.times_asked == 3


async def test_cached_keys_are_used_while_the_directory_fails(directory: Directory) -> None:
    keys = directory.keys()
    assert await keys.key("k1")
    directory.away = True
    for moment, asked in ((A_LIFE + 1, 2), (A_LIFE + 2, 2), (A_LIFE + 1 + A_CALM, 3)):
        directory.clock[0] = moment
        assert await keys.key("k1")
        assert directory.times_asked == asked
    directory.away, directory.published = False, {"k2": new_key()}
    directory.clock[0] += A_CALM
    assert await keys.key("k1") is None


async def test_without_cached_keys_the_next_request_tries_again(directory: Directory) -> None:
    keys = directory.keys()
    directory.away = True
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await keys.key("k1")
        assert caught.value.code == "keys_unavailable"
    directory.away = False
    assert await keys.key("k1")
    assert directory.times_asked == 3


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"no JSON"),
        Reply(body=b"[]"),
        Reply(body=b"[" * 100_000),
        Reply(body={"keys": []}),
        Reply(body={"keys": ["x"]}),
        Reply(body={"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}]}),
        Reply(body={"keys": [{"kty": "RSA", "kid": "k1"}]}),
        Reply(302, headers={"Location": "http://127.0.0.1:9/"}),
        Reply(closes=True),
        Reply(body=b"{}", length=100),
    ],
    ids=lambda reply: json.dumps(str(reply.body))[:40] + str(reply.status),
)
async def test_a_response_without_usable_keys_is_an_error(
    directory: Directory, reply: Reply
) -> None:
    directory.server.manner = lambda _: reply
    with pytest.raises(Unavailable):
        await directory.keys().key("k1")


async def test_a_key_that_is_not_for_signatures_is_ignored(directory: Directory) -> None:
    """It does not hide the other keys either."""
    right = directory.server.manner

    def mixed(request: object) -> Reply:
        body = right(request).body  # type: ignore[arg-type]
        assert isinstance(body, dict)
        (key,) = body["keys"]
        return Reply(body={"keys": [{**key, "kid": "e1", "use": "enc"}, key]})

    directory.server.manner = mixed
    keys = directory.keys()
    assert await keys.key("k1")
    assert await keys.key("e1") is None


async def test_keys_are_not_read_over_tls_with_an_unknown_ca() -> None:
    with serving(trustme.CA()) as server, pytest.raises(Unavailable):
        await open_keys(server.url, TENANT, lambda: 0.0).key("k1")


def test_keys_are_not_read_over_plain_http() -> None:
    with pytest.raises(ValueError, match="https"):
        open_keys("http://login.example.org", TENANT, lambda: 0.0)
