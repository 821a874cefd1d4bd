"""The valid tokens, from the environment or from files that can change."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.log import log_error

TOKEN_LENGTH = 32
"""Minimum length of a token in characters."""

VARIABLES = ("EXEC_TOKEN", "EXEC_TOKEN_NEXT")
"""The second is optional. With `_FILE` appended, each names a file instead."""


class TokenError(Exception):
    """A token is invalid; the text names the variable and never shows a value."""


@dataclass(frozen=True)
class TokenSource:
    """The source of one token: a value, or a file."""

    name: str
    value: str = field(default="", repr=False)
    path: Path | None = None

    def read(self) -> str:
        """The current token. Raises TokenError."""
        if self.path is None:
            return _checked(self.name, self.value)
        try:
            text = self.path.read_text()
        except (OSError, ValueError) as error:
            raise TokenError(f"{self.name}_FILE cannot be read: {type(error).__name__}") from error
        return _checked(f"{self.name}_FILE", text.strip())

    def version(self) -> tuple[int, int, int] | None:
        """Changes when the file changes. None for a value, and for a missing file."""
        try:
            status = self.path.stat() if self.path else None
        except OSError:
            return None
        return status and (status.st_ino, status.st_mtime_ns, status.st_size)


class Tokens:
    """The valid tokens. A changed file is read again."""

    def __init__(self, sources: list[TokenSource]) -> None:
        """Raises TokenError with one line per invalid source."""
        self._sources = sources
        self._versions = [source.version() for source in sources]
        faults, self._tokens = [], []
        for source in sources:
            try:
                self._tokens.append(source.read())
            except TokenError as error:
                faults.append(str(error))
        if faults:
            raise TokenError("\n".join(faults))

    def values(self) -> list[str]:
        self._refresh()
        return list(self._tokens)

    def accept(self, presented: bytes) -> bool:
        """Whether `presented` is a valid token. Compares every token in constant time."""
        matches = [hmac.compare_digest(presented, token.encode()) for token in self.values()]
        return any(matches)

    def _refresh(self) -> None:
        """Keep the previous token if a changed file cannot be read or holds no valid token."""
        for index, source in enumerate(self._sources):
            version = source.version()
            if version == self._versions[index]:
                continue
            self._versions[index] = version
            try:
                self._tokens[index] = source.read()
            except TokenError as error:
                log_error("token_not_read", fault=str(error))


def token_sources(env: Mapping[str, str]) -> list[TokenSource]:
    """The sources named in `env`. Raises TokenError if a token has two sources."""
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
