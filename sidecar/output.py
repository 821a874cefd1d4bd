"""What a command writes: the end of it for an answer, or line by line for a stream."""

import json
from dataclasses import dataclass

OUTPUT_CAP = 8 * 1024 * 1024
"""Bytes kept of each of stdout and stderr: the last ones, for there is the JSON."""

ENCODED_CAP = 9 * 1024 * 1024
"""Bytes each may take as JSON, escapes included; two of them fit what a client reads."""

LINE_CAP = 64 * 1024
"""Bytes of one line of a stream; a longer one is sent in pieces."""

_CONTINUATION = bytes(range(0x80, 0xC0))


class Tail:
    """The end of a stream of bytes, never holding more than twice the cap."""

    def __init__(self, cap: int = OUTPUT_CAP) -> None:
        self._cap = cap
        self._kept = bytearray()
        self.truncated = False

    def add(self, chunk: bytes) -> None:
        self._kept += chunk
        if len(self._kept) > 2 * self._cap:
            self._shorten()

    def text(self) -> str:
        """What was kept, as text; bytes that are no UTF-8 become replacement characters."""
        if len(self._kept) > self._cap:
            self._shorten()
        kept = self._kept.lstrip(_CONTINUATION) if self.truncated else self._kept
        text = kept.decode("utf-8", "replace")
        while len(json.dumps(text, ensure_ascii=False).encode()) > ENCODED_CAP:
            text = text[len(text) // 8 :]
            self.truncated = True
        return text

    def _shorten(self) -> None:
        del self._kept[: -self._cap]
        self.truncated = True


class CapturedOutput:
    """What a command wrote on both of its streams, as far as it is kept."""

    def __init__(self) -> None:
        self._tails = {"stdout": Tail(), "stderr": Tail()}

    async def take(self, name: str, chunk: bytes) -> None:
        self._tails[name].add(chunk)

    def facts(self, cut: bool) -> dict[str, object]:
        """Both as text, and whether each lacks something; `cut`: the end was not waited for."""
        texts: dict[str, object] = {name: tail.text() for name, tail in self._tails.items()}
        lacks = {f"{name}_truncated": tail.truncated or cut for name, tail in self._tails.items()}
        return texts | lacks


@dataclass(frozen=True)
class OutputLine:
    """One line without its end, or a piece of one that the next piece continues."""

    text: str
    continues: bool = False


class Lines:
    """Bytes as they come become lines of at most `cap` bytes."""

    def __init__(self, cap: int = LINE_CAP) -> None:
        self._cap = cap
        self._rest = b""

    def add(self, chunk: bytes) -> list[OutputLine]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        lines: list[OutputLine] = []
        for line in whole:
            pieces, last = self._shed(line)
            lines += [*pieces, OutputLine(last.decode("utf-8", "replace"))]
        pieces, self._rest = self._shed(self._rest)
        return lines + pieces

    def end(self) -> list[OutputLine]:
        """The last line, if the stream did not end with one."""
        rest, self._rest = self._rest, b""
        return [OutputLine(rest.decode("utf-8", "replace"))] if rest else []

    def _shed(self, line: bytes) -> tuple[list[OutputLine], bytes]:
        """The pieces that a too long line must be sent in, and what is left of it."""
        pieces = []
        while len(line) > self._cap:
            piece, line = self._cut(line)
            pieces.append(OutputLine(piece.decode("utf-8", "replace"), continues=True))
        return pieces, line

    def _cut(self, line: bytes) -> tuple[bytes, bytes]:
        """Split near the cap, at most three bytes earlier so that no character is torn."""
        near = range(self._cap, max(self._cap - 4, 0), -1)
        at = next((i for i in near if line[i] not in _CONTINUATION), self._cap)
        return line[:at], line[at:]
