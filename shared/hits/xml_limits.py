"""BLAST XML as clients of the URL API get it: with at most so many subjects for each query."""

from collections.abc import Iterable, Iterator

_HIT, _HITS, _HITS_END = b"<Hit>\n", b"<Iteration_hits>\n", b"</Iteration_hits>\n"


def limit_subjects(document: Iterable[bytes], most: int | None) -> Iterator[bytes]:
    """The document, in blocks of whole lines as BLAST+ writes them, without further subjects.

    `Status=` in a title is escaped: Biopython takes a document with it for a waiting page.
    """
    subjects, is_cut = 0, False
    for block in document:
        block = block.replace(b"Status=", b"Status&#61;")
        if most is None:
            yield block
            continue
        kept = []
        for line in block.splitlines(keepends=True):
            if line == _HITS:
                subjects = 0
            elif line == _HIT:
                subjects += 1
                is_cut = subjects > most
            elif line == _HITS_END:
                is_cut = False
            if not is_cut:
                kept.append(line)
        yield b"".join(kept)
