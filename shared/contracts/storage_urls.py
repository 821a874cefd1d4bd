"""Blob URLs of one storage account, `https://<account>.blob.<suffix>/...`. Pure (R7, R8)."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

QUERIES, DATABASES, RESULTS = "queries", "blast-db", "results"
"""Container names of ElasticBLAST's deployment."""
DEAD_LETTERS = "dead-letters"
"""The app's own container. No request can name a blob in it."""

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=+@,~-]*")
LONGEST = 900
"""Characters. Azure allows 1024 in a blob name; ElasticBLAST appends to the results root."""


class InvalidPath(ValueError):
    """A path or URL is not allowed. The message completes a sentence about the field."""


@dataclass(frozen=True)
class StorageAccount:
    """A storage account: its name and the DNS suffix of its cloud."""

    name: str
    suffix: str = "core.windows.net"

    @property
    def host(self) -> str:
        return f"{self.name}.blob.{self.suffix}"

    def url(self, container: str, path: str) -> str:
        """The URL of a blob or prefix."""
        return f"https://{self.host}/{container}/{path}"

    def query(self, text: str) -> str:
        """The URL of a query: `queries/x.fa`, `x.fa`, `az://...` or a URL. Raises InvalidPath."""
        return self.url(QUERIES, self._inside(text, QUERIES))

    def results(self, text: str) -> str:
        """The URL of a results root, without a trailing slash. Raises InvalidPath."""
        return self.url(RESULTS, self._inside(text.rstrip("/"), RESULTS))

    def database(self, text: str) -> str:
        """The URL of a database. `pdbnt` becomes `.../blast-db/pdbnt/pdbnt`; `custom/mydb` and URLs
        keep their path. Raises InvalidPath."""
        path = self._inside(text, DATABASES)
        return self.url(DATABASES, path if "/" in path else f"{path}/{path}")

    def shards(self, text: str) -> str:
        """The URL prefix of shards, such as `10shards/nt_shard_`. Raises InvalidPath."""
        return self.url(DATABASES, self._inside(text, DATABASES))

    def split(self, url: str) -> tuple[str, str]:
        """Container and path of a URL of this account. Raises InvalidPath for any other."""
        container, _, path = self._path_of(url).partition("/")
        return container, path

    def _inside(self, text: str, container: str) -> str:
        """The path below `container` that `text` names as a path, az:// or https:// URL."""
        if "://" in text:
            actual, _, path = self._path_of(text).partition("/")
            if actual != container:
                raise InvalidPath(f"must be in the container {container!r}, not in {actual!r}")
        else:
            path = text.removeprefix(f"{container}/")
        return _check_path(path)

    def _path_of(self, url: str) -> str:
        _check_characters(url)
        if "?" in url or "#" in url:
            raise InvalidPath("must have no query string (such as a SAS) and no fragment")
        try:
            scheme, host, path, _, _ = urlsplit(url)
        except ValueError:  # such as https://[x
            raise InvalidPath("is not a valid URL") from None
        if scheme == "az" and host not in (self.name, self.host):
            return host + path  # az://container/path leaves the account out
        if scheme not in ("https", "az"):
            raise InvalidPath("must be a path, an az:// or an https:// URL")
        if scheme == "https" and host != self.host:
            raise InvalidPath(
                f"must be in the storage account {self.name!r}: https://{self.host}/..."
            )
        return path.removeprefix("/")


def _check_characters(text: str) -> None:
    """Reject characters that URL parsers treat differently, before any parser sees them."""
    if "\\" in text or "%" in text or any(ord(c) <= 32 or ord(c) >= 127 for c in text):
        raise InvalidPath("must have no backslash, percent sign, space or special character")


def _check_path(path: str) -> str:
    _check_characters(path)
    if not path or len(path) > LONGEST:
        raise InvalidPath(f"must have 1 to {LONGEST} characters below its container")
    for segment in path.split("/"):
        if not _SEGMENT.fullmatch(segment):
            raise InvalidPath(
                f"must not have {segment!r} in its path; use letters, digits and ._=+@,~-"
            )
    return path
