"""Whole lines of a text that comes in chunks, taken one by one or by the thousand."""

from collections.abc import Iterable, Iterator

from shared.hits.errors import damaged

LONGEST_LINE = 16 * 1024**2
"""Bytes. A line can hold both aligned sequences."""


class LineReader:
    """The lines of a text, and the number of the last one that was taken.

    A last line without a line end counts as a line. Raises Unreadable for one that is too long.
    """

    def __init__(self, text: Iterable[bytes]) -> None:
        self._text = iter(text)
        self._buffer = b""
        self._at = 0
        self._is_complete = False
        self.number = 0

    def take(self) -> bytes | None:
        """The next line without its end; None after the last one."""
        end = self._buffer.find(b"\n", self._at)
        while end < 0 and self._fill():
            end = self._buffer.find(b"\n", self._at)
        if end < 0:
            return None
        line = self._buffer[self._at : end]
        self._at, self.number = end + 1, self.number + 1
        return line

    def take_rows(self, count: int, next_comment: bytes) -> Iterator[bytes]:
        """The next `count` lines, in blocks of whole lines; fewer at the end of the text.

        `next_comment` is how the line after them probably begins: finding it is faster than
        counting lines, and what is found is checked by counting.
        """
        left = count
        while left > 0:
            end = self._buffer.find(b"\n" + next_comment, self._at) + 1
            end = end or self._buffer.rfind(b"\n", self._at) + 1
            rows = self._buffer.count(b"\n", self._at, end) if end else 0
            if rows == 0:
                if not self._fill():
                    return
                continue
            if rows > left:
                end, rows = self._end_of(left), left
            yield self._buffer[self._at : end]
            self._at, self.number, left = end, self.number + rows, left - rows

    def _end_of(self, rows: int) -> int:
        end = self._at
        for _ in range(rows):
            end = self._buffer.find(b"\n", end) + 1
        return end

    def _fill(self) -> bool:
        """Read on; False at the end of the text. Ends a last line that has no end."""
        self._buffer, self._at = self._buffer[self._at :], 0
        if len(self._buffer) > LONGEST_LINE and b"\n" not in self._buffer:
            raise too_long(self.number + 1)
        chunk = next(self._text, None)
        if chunk is not None:
            self._buffer += chunk
            return True
        if self._is_complete or not self._buffer or self._buffer.endswith(b"\n"):
            return False
        self._is_complete = True
        self._buffer += b"\n"
        return True


def blocks(text: Iterable[bytes]) -> Iterator[bytes]:
    """The text in blocks of whole lines. Raises Unreadable for a line that is too long."""
    rest = b""
    number = 1
    for chunk in text:
        whole, newline, tail = chunk.rpartition(b"\n")
        if newline:
            block = rest + whole + newline
            number += block.count(b"\n")
            yield block
            rest = tail
        else:
            rest += tail
            if len(rest) > LONGEST_LINE:
                raise too_long(number)
    if rest:
        yield rest + b"\n"


def too_long(number: int) -> Exception:
    """The error of a line of more than LONGEST_LINE bytes."""
    return damaged(f"line {number} of the file has more than {LONGEST_LINE:,} bytes")
