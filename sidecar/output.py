"""A command's output: the last bytes of it for a response, or lines for a stream."""

import json
from dataclasses import dataclass

OUTPUT_CAP = 8 * 1024 * 1024
"""Bytes kept of each of stdout and stderr: the last ones, because the JSON result is there."""

ENCODED_CAP = 9 * 1024 * 1024
"""Maximum bytes of each as JSON with escapes; two of them fit the client's limit."""

LINE_CAP = 64 * 1024
"""Maximum bytes of a streamed line; a longer one is sent in pieces."""

_CONTINUATION = bytes(range(0x80, 0xC0))


class Tail:
    """The last `cap` bytes of a stream; holds at most twice the cap."""

    def __init__(self, cap: int = OUTPUT_CAP) -> None:
        self._cap = cap
        self._kept = bytearray()
        self.truncated = False

    def add(self, chunk: bytes) -> None:
        self._kept += chunk
        if len(self._kept) > 2 * self._cap:
            self._shorten()

    def text(self) -> str:
        """The kept bytes as text; invalid UTF-8 becomes replacement characters."""
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
    """Both output streams of a command, each up to its cap."""

    def __init__(self) -> None:
        self._tails = {"stdout": Tail(), "stderr": Tail()}

    async def take(self, name: str, chunk: bytes) -> None:
        self._tails[name].add(chunk)

    def facts(self, cut: bool) -> dict[str, object]:
        """Both texts, and whether each is truncated; `cut`: reading ended before the output did."""
        texts: dict[str, object] = {name: tail.text() for name, tail in self._tails.items()}
        truncated = {
            f"{name}_truncated": tail.truncated or cut for name, tail in self._tails.items()
        }
        return texts | truncated


@dataclass(frozen=True)
class OutputLine:
    """A line without its newline, or a piece of a line that the next piece continues."""

    text: str
    continues: bool = False


class Lines:
    """Splits chunks of bytes into lines of at most `cap` bytes."""

    def __init__(self, cap: int = LINE_CAP) -> None:
        self._cap = cap
        self._rest = b""

    def add(self, chunk: bytes) -> list[OutputLine]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        lines: list[OutputLine] = []
        for line in whole:
            pieces, last = self._split_pieces(line)
            lines += [*pieces, OutputLine(last.decode("utf-8", "replace"))]
        pieces, self._rest = self._split_pieces(self._rest)
        return lines + pieces

    def end(self) -> list[OutputLine]:
        """The last line, if the stream did not end with a newline."""
        rest, self._rest = self._rest, b""
        return [OutputLine(rest.decode("utf-8", "replace"))] if rest else []

    def _split_pieces(self, line: bytes) -> tuple[list[OutputLine], bytes]:
        """Split an overlong line into full pieces and a rest."""
        pieces = []
        while len(line) > self._cap:
            piece, line = self._cut(line)
            pieces.append(OutputLine(piece.decode("utf-8", "replace"), continues=True))
        return pieces, line

    def _cut(self, line: bytes) -> tuple[bytes, bytes]:
        """Split at the cap, or up to three bytes before it so that no character is split."""
        near = range(self._cap, max(self._cap - 4, 0), -1)
        at = next((i for i in near if line[i] not in _CONTINUATION), self._cap)
        return line[:at], line[at:]
