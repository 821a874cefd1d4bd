"""The tokens that callers may show, from the environment or from files that can change."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.log import log_error

TOKEN_LENGTH = 32
"""Characters a token must have at least."""

VARIABLES = ("EXEC_TOKEN", "EXEC_TOKEN_NEXT")
"""The second one is optional. Each may have `_FILE` appended, and then names a file."""


class TokenError(Exception):
    """The text says which variable is wrong, and shows no value."""


@dataclass(frozen=True)
class TokenSource:
    """Where one token comes from: a value, or else a file."""

    name: str
    value: str = field(default="", repr=False)
    path: Path | None = None

    def read(self) -> str:
        """The token as it is now. Raises TokenError."""
        if self.path is None:
            return _checked(self.name, self.value)
        try:
            text = self.path.read_text()
        except (OSError, ValueError) as fault:
            raise TokenError(f"{self.name}_FILE cannot be read: {type(fault).__name__}") from fault
        return _checked(f"{self.name}_FILE", text.strip())

    def version(self) -> tuple[int, int, int] | None:
        """Differs when the file has changed. None for a value, and for a file that is gone."""
        try:
            status = self.path.stat() if self.path else None
        except OSError:
            return None
        return status and (status.st_ino, status.st_mtime_ns, status.st_size)


class Tokens:
    """The valid tokens. A file is read again when it has changed."""

    def __init__(self, sources: list[TokenSource]) -> None:
        """Raises TokenError, one line for each source that gives no token."""
        self._sources = sources
        self._versions = [source.version() for source in sources]
        faults, self._tokens = [], []
        for source in sources:
            try:
                self._tokens.append(source.read())
            except TokenError as fault:
                faults.append(str(fault))
        if faults:
            raise TokenError("\n".join(faults))

    def values(self) -> list[str]:
        self._refresh()
        return list(self._tokens)

    def accept(self, shown: bytes) -> bool:
        """Whether `shown` is a token. Every token is compared, in constant time."""
        matches = [hmac.compare_digest(shown, token.encode()) for token in self.values()]
        return any(matches)

    def _refresh(self) -> None:
        """A file that cannot be read now, or holds no token, leaves the token as it was."""
        for index, source in enumerate(self._sources):
            version = source.version()
            if version == self._versions[index]:
                continue
            self._versions[index] = version
            try:
                self._tokens[index] = source.read()
            except TokenError as fault:
                log_error("token_not_read", fault=str(fault))


def token_sources(env: Mapping[str, str]) -> list[TokenSource]:
    """The sources that `env` names. Raises TokenError where one token has two."""
    sources = []
    for name in VARIABLES:
        value, path = env.get(name, ""), env.get(f"{name}_FILE", "")
        if value and path:
            raise TokenError(f"{name} and {name}_FILE: set one of them")
        if path:
            sources.append(TokenSource(name, path=Path(path).expanduser()))
        elif value or name == VARIABLES[0]:
            sources.append(TokenSource(name, value))
    return sources


def _checked(name: str, token: str) -> str:
    rules: list[tuple[Callable[[str], bool], str]] = [
        (lambda text: len(text) >= TOKEN_LENGTH, f"have at least {TOKEN_LENGTH} characters"),
        (
            lambda text: text.isascii() and text.isprintable() and " " not in text,
            "be printable ASCII without spaces",
        ),
    ]
    for holds, rule in rules:
        if not holds(token):
            raise TokenError(f"{name} must {rule}")
    return token
