"""Questions about millions of hits: seconds and processor time of each, and what they do to others.

    python -m bench.hits [MILLIONS]

The hits are indexed in segments, as the stage INDEX does it, and asked from the files on disk. Each
question is asked several times with other values. Then 20 are asked at once, while a task of the
same event loop measures how late it is woken: `/health` waits for nothing else.
"""

import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.results import HITS_OF_A_QUERY, peak_memory, table
from shared.hits.aggregate import aggregate
from shared.hits.coordinates import coordinates
from shared.hits.coverage import coverage
from shared.hits.database import connect
from shared.hits.filters import Filter
from shared.hits.index import HitIndex, Segment
from shared.hits.questions import HitsDatabase
from shared.hits.reader import MEMORY, QUESTIONS, Hits
from shared.hits.segment import SourceFile, build_segment
from shared.hits.sorting import Direction, PageOf
from shared.hits.summary import QuerySort, summarize_queries

BYTES_OF_A_HIT = 72
FILES = 4
TRIES = 10
BUDGET = 0.5
Question = Callable[[HitsDatabase, random.Random], Any]


def page(database: HitsDatabase, rng: random.Random, sort_by: str, **wanted: Any) -> Any:
    """A page of 100 somewhere among the first thousand pages."""
    direction = rng.choice(list(Direction))
    offset = 100 * rng.randrange(10)
    return database.page(PageOf(Filter(**wanted), sort_by, direction, offset, 100))


def middle(sort_by: str, database: HitsDatabase, rng: random.Random) -> Any:
    """A page of 100 near the middle of all hits."""
    offset = database.index.hits // 2 + rng.randrange(1000)
    return database.page(PageOf(sort_by=sort_by, offset=offset, size=100))


QUESTIONS_ASKED: dict[str, Question] = {
    "page by relevance": lambda db, rng: page(db, rng, "relevance"),
    "page by e-value": lambda db, rng: page(db, rng, "evalue"),
    "page by identity": lambda db, rng: page(db, rng, "pident"),
    "page by subject": lambda db, rng: page(db, rng, "sseqid"),
    "filter by identity and e-value": lambda db, rng: page(
        db, rng, "bitscore", min_identity=rng.uniform(80, 99), max_evalue=1e-20
    ),
    "filter by query": lambda db, rng: page(
        db, rng, "relevance", query_id=f"query_{rng.randrange(5000)}"
    ),
    "filter by subject": lambda db, rng: page(
        db, rng, "relevance", subject=f"AB{rng.randrange(20_000):06}"
    ),
    "filter by text": lambda db, rng: page(
        db, rng, "relevance", text=f"ab{rng.randrange(20_000):06}"
    ),
    **{
        f"a page in the middle by {sort_by}": partial(middle, sort_by)
        for sort_by in ("relevance", "evalue", "pident", "sseqid", "file_order")
    },
    "aggregate": lambda db, rng: aggregate(db, Filter()),
    "aggregate of a filter": lambda db, rng: aggregate(
        db, Filter(min_identity=rng.uniform(80, 99))
    ),
    "coordinates": lambda db, rng: coordinates(db, Filter(min_identity=rng.uniform(80, 99))),
    "coverage of all queries": lambda db, rng: coverage(db),
    "queries by e-value": lambda db, rng: summarize_queries(
        db, QuerySort.BEST_EVALUE, offset=50 * rng.randrange(100)
    ),
}


def indexed(millions: float, folder: Path) -> tuple[HitIndex, dict[str, Path]]:
    """The index of so many hits in several files, each a segment."""
    size = int(millions * 1e6 * BYTES_OF_A_HIT / FILES)
    segments: list[Segment] = []
    paths: dict[str, Path] = {}
    for number in range(FILES):
        file = folder / "table"
        with file.open("w") as written:
            written.writelines(table(size))
        source = SourceFile(number, f"file {number}", "", partial(_pieces, file))
        built = build_segment([source], "6", folder / str(number))
        segments.append(built.segment)
        paths |= {stored.name: built.path(stored) for stored in built.segment.stored_files}
        file.unlink()
    return HitIndex(tuple(segments)), paths


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(4 * 1024**2):
            yield piece


def measure(database: HitsDatabase) -> None:
    """Print the seconds of each question, and its processor time in all threads."""
    rng = random.Random(1)
    for name, question in QUESTIONS_ASKED.items():
        times, processor = [], []
        for _ in range(TRIES):
            began, used = time.perf_counter(), time.process_time()
            question(database, rng)
            times.append(time.perf_counter() - began)
            processor.append(time.process_time() - used)
        first, p95 = times[0], sorted(times)[int(TRIES * 0.95) - 1]
        over = "" if p95 <= BUDGET else f"  over the budget of {BUDGET} s"
        median, cpu = statistics.median(times), statistics.median(processor)
        print(
            f"  {name:34} first {first:5.2f}  p50 {median:5.2f}  p95 {p95:5.2f} s"
            f"  processor {cpu:5.2f} s{over}",
            flush=True,
        )


async def measure_at_once(database: HitsDatabase, number: int) -> None:
    """Print how long so many questions take at once, and how late the event loop is meanwhile."""
    hits = Hits(database, asyncio.Semaphore(QUESTIONS))
    rng = random.Random(2)
    lateness: list[float] = []
    watch = asyncio.create_task(_watch(lateness))
    began = time.perf_counter()
    questions = rng.choices(list(QUESTIONS_ASKED.values()), k=number)
    await asyncio.gather(
        *(hits.ask(question, random.Random(at)) for at, question in enumerate(questions))
    )
    took = time.perf_counter() - began
    watch.cancel()
    late = sorted(lateness)
    p95 = late[int(len(late) * 0.95)]
    print(
        f"  {number} at once: {took:.1f} s; the event loop is late by {p95:.3f} s (p95),"
        f" {late[-1]:.3f} s (most)"
    )


async def _watch(lateness: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        lateness.append(time.perf_counter() - began - 0.01)


def main(argv: list[str]) -> None:
    millions = float(argv[0]) if argv else 5.0
    folder = Path(tempfile.mkdtemp())
    try:
        began = time.perf_counter()
        index, paths = indexed(millions, folder)
        size = sum(file.size for file in index.stored_files) / 1024**2
        took = time.perf_counter() - began
        print(
            f"{index.hits:,} hits of {index.queries:,} queries ({HITS_OF_A_QUERY} each), indexed"
            f" with their making in {took:.0f} s, {size:.0f} MiB on disk"
        )
        connection = connect(MEMORY, folder)
        database = HitsDatabase(connection, index, paths)
        measure(database)
        asyncio.run(measure_at_once(database, 20))
        connection.close()
        print(f"  peak {peak_memory():.0f} MiB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
