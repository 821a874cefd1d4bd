"""Names of blobs as `https://<account>.blob.<suffix>/...`, and nothing else. Pure (R7, R8)."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

QUERIES, DATABASES, RESULTS = "queries", "blast-db", "results"
"""The containers, as ElasticBLAST's deployment names them."""
DEAD_LETTERS = "dead-letters"
"""One of our own: no request can name what lies there."""

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=+@,~-]*")
LONGEST = 900
"""Azure takes blob names of 1024 characters; ElasticBLAST adds its own to a results root."""


class InvalidPath(ValueError):
    """A path or URL that is not taken; the text says why, for the person who sent it."""


@dataclass(frozen=True)
class StorageAccount:
    """A storage account, by name and by the suffix of its cloud."""

    name: str
    suffix: str = "core.windows.net"

    @property
    def host(self) -> str:
        return f"{self.name}.blob.{self.suffix}"

    def url(self, container: str, path: str) -> str:
        """The URL of a blob or prefix."""
        return f"https://{self.host}/{container}/{path}"

    def query(self, text: str) -> str:
        """`queries/x.fa`, `x.fa`, `az://...` or a URL, as the URL of a query. Raises BadPath."""
        return self.url(QUERIES, self._inside(text, QUERIES))

    def results(self, text: str) -> str:
        """The URL of a results root, without a slash at its end. Raises BadPath."""
        return self.url(RESULTS, self._inside(text.rstrip("/"), RESULTS))

    def database(self, text: str) -> str:
        """`pdbnt` becomes `.../blast-db/pdbnt/pdbnt`; `custom/mydb` and URLs keep their path.

        Raises BadPath.
        """
        path = self._inside(text, DATABASES)
        return self.url(DATABASES, path if "/" in path else f"{path}/{path}")

    def split(self, url: str) -> tuple[str, str]:
        """Container and path of a URL made here. Raises BadPath for any other."""
        container, _, path = self._path_of(url).partition("/")
        return container, path

    def _inside(self, text: str, container: str) -> str:
        """The path below `container` that `text` names, in whichever form it was written."""
        if "://" in text:
            found, _, path = self._path_of(text).partition("/")
            if found != container:
                raise InvalidPath(f"must lie in the container {container!r}, not in {found!r}")
        else:
            path = text.removeprefix(f"{container}/")
        return _checked(path)

    def _path_of(self, url: str) -> str:
        _refuse_hidden(url)
        if "?" in url or "#" in url:
            raise InvalidPath("must have no query string (such as a SAS) and no fragment")
        try:
            scheme, host, path, _, _ = urlsplit(url)
        except ValueError:  # such as https://[x
            raise InvalidPath("is not a URL that can be read") from None
        if scheme == "az" and host not in (self.name, self.host):
            return host + path  # az://container/path: the account is understood
        if scheme not in ("https", "az"):
            raise InvalidPath("must be a path, an az:// or an https:// URL")
        if scheme == "https" and host != self.host:
            raise InvalidPath(
                f"must lie in the storage account {self.name!r}: https://{self.host}/..."
            )
        return path.removeprefix("/")


def _refuse_hidden(text: str) -> None:
    """Refuse what parsers disagree about before any parser sees it."""
    if "\\" in text or "%" in text or any(ord(c) <= 32 or ord(c) >= 127 for c in text):
        raise InvalidPath("must have no backslash, percent sign, space or special character")


def _checked(path: str) -> str:
    _refuse_hidden(path)
    if not path or len(path) > LONGEST:
        raise InvalidPath(f"must have 1 to {LONGEST} characters below its container")
    for segment in path.split("/"):
        if not _SEGMENT.fullmatch(segment):
            raise InvalidPath(
                f"must not have {segment!r} in its path; letters, digits and ._=+@,~- serve"
            )
    return path
