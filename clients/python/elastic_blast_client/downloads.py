"""Downloads by ranges, which go on where an earlier one has stopped, also in another process."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from elastic_blast_client.errors import refusal
from elastic_blast_client.flows import PATIENCE, Flow, Run, Send, call

PART = 8 * 1024**2
"""Bytes that are requested at a time."""


def download(path: str, target: Path, params: Mapping[str, str] | None = None) -> Flow[Path]:
    """Write a file of the API to `target`.

    If the server has another version than the one of which a part is there, it begins again.
    """
    part = PartFile(target)
    yield Run(part.load)
    is_whole = False
    while not is_whole:
        headers = {"Range": f"bytes={part.size}-{part.size + PART - 1}"}
        if part.etag:
            headers["If-Range"] = part.etag
        request = Send("GET", path, params or {}, headers=headers)
        response = yield from call(request, PATIENCE, ok=(413, 416))
        is_whole = yield Run(lambda: part.add(response))  # noqa: B023  runs at once
    yield Run(part.finish)
    return target


@dataclass
class PartFile:
    """The beginning of a file in `<target>.part`, and its version in `<target>.part.etag`."""

    target: Path
    etag: str = ""
    size: int = 0

    @property
    def _data(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def _mark(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part.etag")

    def load(self) -> None:
        """Find what an earlier download has left."""
        if self._data.exists() and self._mark.exists():
            self.etag, self.size = self._mark.read_text(), self._data.stat().st_size

    def add(self, response: httpx.Response) -> bool:
        """Add what the server has sent; whether the file is whole. Raises Refused."""
        match response.status_code:
            case 413 if self.etag:  # another version, which is too large to be sent as a whole
                self.etag, self.size = "", 0
                return False
            case 416 if self.size:
                return True
            case 416 if response.headers.get("Content-Range") == "bytes */0":
                self._data.touch()
                return True
            case 413 | 416:
                raise refusal(response)
            case 200:  # another version, or a server without ranges
                self.size = 0
                self._write(response)
                return True
            case _:
                self._write(response)
                return self.size >= _total(response, self.size)

    def finish(self) -> None:
        """Put the whole file in its place."""
        self._data.replace(self.target)
        self._mark.unlink(missing_ok=True)

    def _write(self, response: httpx.Response) -> None:
        self.etag = response.headers.get("ETag", "")
        if self.size == 0:
            self._data.write_bytes(b"")
            self._mark.write_text(self.etag)
        with self._data.open("r+b") as file:
            file.seek(self.size)
            file.write(response.content)
        self.size += len(response.content)


def _total(response: httpx.Response, default: int) -> int:
    """The size of the whole file."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdecimal() else default
