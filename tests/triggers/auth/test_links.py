"""Links to result files: signed, for one file of one owner, and short."""

import base64
from datetime import timedelta

import jwt
import pytest

from shared.errors import NotAllowed
from tests.support.samples import NOON
from triggers.auth.links import LIFETIME, LinkTarget, sign, verify

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
TARGET = LinkTarget("tenant:alice", f"job-{'1' * 32}", "0123456789abcdef")


def test_a_link_opens_its_file_until_it_expires() -> None:
    token = sign(TARGET, KEY, NOON)
    assert verify(token, KEY, NOON) == TARGET
    assert verify(token, KEY, NOON + LIFETIME - timedelta(seconds=1)) == TARGET
    with pytest.raises(NotAllowed) as caught:
        verify(token, KEY, NOON + LIFETIME)
    assert caught.value.code == "link_expired"


def signed(claims: dict[str, object], key: bytes = KEY, algorithm: str = "HS256") -> str:
    base = {"aud": "result-file", "exp": NOON + LIFETIME, "sub": "a", "job": "b", "file": "c"}
    present = {name: value for name, value in (base | claims).items() if value is not None}
    return jwt.encode(present, key, algorithm)


UNSIGNED = ".".join(
    [
        base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("="),
        signed({}).split(".")[1],
        "",
    ]
)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "no-token",
        "a.b.c",
        sign(TARGET, OTHER_KEY, NOON),
        sign(TARGET, KEY, NOON)[:-2],
        UNSIGNED,
        signed({}, b"k" * 64, "HS512"),
        signed({"aud": "another"}),
        *(signed({name: None}) for name in ("aud", "exp", "sub", "job", "file")),
    ],
    ids=[
        *("empty", "no token", "no JSON", "another key", "cut", "unsigned", "another algorithm"),
        *("another audience", "no audience", "no end", "no owner", "no job", "no file"),
    ],
)
def test_any_other_token_opens_nothing(token: str) -> None:
    with pytest.raises(NotAllowed):
        verify(token, KEY, NOON)
