"""A fake Entra directory that publishes generated keys and signs tokens."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.clients.jwks import SigningKeys, open_keys
from tests.shared.clients.kubernetes.server import Json, Reply, Request, Server

TENANT = "11111111-1111-4111-8111-111111111111"
ELSEWHERE = "22222222-2222-4222-8222-222222222222"
CLIENT = "33333333-3333-4333-8333-333333333333"
ALICE = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
BOB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
STS = f"https://sts.windows.net/{TENANT}/"


def new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Directory:
    """`published` has the keys by id; if `away`, every request gets 503."""

    server: Server
    key: RSAPrivateKey
    unknown: RSAPrivateKey
    published: dict[str, RSAPrivateKey] = field(default_factory=dict)
    away: bool = False
    clock: list[float] = field(default_factory=lambda: [0.0])

    def __post_init__(self) -> None:
        self.published = {"k1": self.key}
        self.server.manner = self._answer
        self.server.requests = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def times_asked(self) -> int:
        return len(self.server.requests)

    def keys(self) -> SigningKeys:
        """Return a cache of its keys, with a clock that the test moves."""
        return open_keys(self.url, TENANT, lambda: self.clock[0])

    def token(
        self, *, key: RSAPrivateKey | None = None, kid: str | None = "k1", **changes: Any
    ) -> str:
        """A valid token of Alice with changes; None removes a claim."""
        headers = {"kid": kid} if kid else {}
        return jwt.encode(claims(**changes), key or self.key, "RS256", headers)

    def bearer(self, **changes: Any) -> str:
        return f"Bearer {self.token(**changes)}"

    def _answer(self, heard: Request) -> Reply:
        if self.away:
            return Reply(503)
        assert heard.path == f"/{TENANT}/discovery/v2.0/keys"
        return Reply(body={"keys": [_public(kid, key) for kid, key in self.published.items()]})


def claims(**changes: Any) -> Json:
    """The claims of Alice's access token, one minute old; `now=` shifts all times."""
    now = changes.pop("now", int(time.time()))
    base = {
        "iss": STS,
        "aud": CLIENT,
        "tid": TENANT,
        "oid": ALICE,
        "scp": "user_impersonation",
        "preferred_username": "alice@example.org",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    }
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def _public(kid: str, key: RSAPrivateKey) -> Json:
    jwk: Json = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": kid, "use": "sig"}


def segment(value: bytes | Json) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _by_public_key(directory: Directory) -> str:
    """The known attack of signing by HMAC with the public key as the secret."""
    pem = directory.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': 'k1'})}.{segment(claims())}"
    return f"Bearer {text}.{segment(hmac.digest(pem, text.encode(), hashlib.sha256))}"


def _changed_afterwards(directory: Directory) -> str:
    head, _, signature = directory.token(oid=BOB).split(".")
    return f"Bearer {head}.{segment(claims(oid=ALICE))}.{signature}"


def _soon(seconds: int) -> int:
    return int(time.time()) + seconds


WRONG: dict[str, Callable[[Directory], str]] = {
    "no exp": lambda d: d.bearer(exp=None),
    "no iat": lambda d: d.bearer(iat=None),
    "no aud": lambda d: d.bearer(aud=None),
    "no iss": lambda d: d.bearer(iss=None),
    "no oid": lambda d: d.bearer(oid=None),
    "no tid": lambda d: d.bearer(tid=None),
    "alg none": lambda d: f"Bearer {jwt.encode(claims(), '', 'none', {'kid': 'k1'})}",
    "no signature": lambda d: f"Bearer {d.token().rpartition('.')[0]}.",
    "HS256 by the public key": _by_public_key,
    "RS512": lambda d: f"Bearer {jwt.encode(claims(), d.key, 'RS512', {'kid': 'k1'})}",
    "another tenant": lambda d: d.bearer(tid=ELSEWHERE),
    "another audience": lambda d: d.bearer(aud=ELSEWHERE),
    "audience of a graph": lambda d: d.bearer(aud="https://graph.microsoft.com"),
    "another issuer": lambda d: d.bearer(iss=f"https://sts.windows.net/{ELSEWHERE}/"),
    "issuer without its slash": lambda d: d.bearer(iss=STS.rstrip("/")),
    "unknown key": lambda d: d.bearer(key=d.unknown),
    "unknown key of an unknown name": lambda d: d.bearer(key=d.unknown, kid="k2"),
    "no name of a key": lambda d: d.bearer(kid=None),
    "changed afterwards": _changed_afterwards,
    "expired a second ago": lambda d: d.bearer(exp=_soon(-1)),
    "not valid for two minutes": lambda d: d.bearer(nbf=_soon(120)),
    "made in two minutes": lambda d: d.bearer(iat=_soon(120)),
    "an oid that is no id": lambda d: d.bearer(oid="../x"),
    "roles that are a text": lambda d: d.bearer(roles="Blast.Admin"),
    "garbage": lambda d: "Bearer garbage",
    "garbage in three parts": lambda d: "Bearer a.b.c",
    "no UTF-8": lambda d: f"Bearer {segment(bytes([255]) * 9)}.{segment({})}.AA",
    "nested without end": lambda d: f"Bearer {segment(b'[' * 11_000)}.{segment({})}.AA",
    "far too long": lambda d: d.bearer(padding="x" * 20_000),
    "two headers": lambda d: f"{d.bearer()}, {d.bearer()}",
    "two tokens": lambda d: f"{d.bearer()} {d.token()}",
    "another scheme": lambda d: f"Basic {d.token()}",
    "no scheme": lambda d: d.token(),
    "only a scheme": lambda d: "Bearer",
}
"""Authorization headers that must be rejected (failure 39)."""
