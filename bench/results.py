"""Indexing large results: megabytes of text per second and peak memory, against Biopython.

    python -m bench.results [MEGABYTES]

Each reader is a process of its own, and CPU time of all its threads is measured, so that a busy
machine matters little. Biopython reads only a twentieth of the text, because its speed is constant.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from shared.hits.segment import SourceFile, build_segment

MEGABYTE = 1024**2
PIECE = 4 * MEGABYTE
SHARE = 20
"""Biopython reads one part of so many."""
HITS_OF_A_QUERY, QUERIES = 200, 100
NAME = "@query@"
"""A placeholder for a query's name."""


def index(path: Path, outfmt: str) -> int:
    """Index every hit, as the stage INDEX does."""
    with tempfile.TemporaryDirectory() as folder:
        source = SourceFile(0, path.name, "", lambda: _pieces(path))
        segment = build_segment([source], outfmt, Path(folder)).segment
        if message := segment.files[0].message:  # of a file that is damaged no hit is counted
            raise RuntimeError(message)
        return segment.hits


def search_io(path: Path, outfmt: str) -> int:
    from Bio import SearchIO

    form = "blast-xml" if outfmt == "5" else "blast-tab"
    options = {"comments": True} if outfmt == "7" else {}
    return sum(len(result.hsps) for result in SearchIO.parse(path, form, **options))


def bio_blast(path: Path, outfmt: str) -> int:
    from Bio import Blast

    with path.open("rb") as file:
        return sum(len(hit) for record in Blast.parse(file) for hit in record)


READERS: dict[str, Callable[[Path, str], int]] = {
    reader.__name__: reader for reader in (index, search_io, bio_blast)
}
PRELOADED = {
    "index": ("duckdb",),
    "search_io": ("Bio.SearchIO.BlastIO",),
    "bio_blast": ("Bio.Blast._parser",),
}
COMPARED = {"6": ("search_io",), "7": ("search_io",), "5": ("search_io", "bio_blast")}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def repeated(results: list[str], size: int) -> Iterator[str]:
    """Repeat the results under new query names, up to about `size` bytes."""
    query = written = 0
    while written < size:
        text = results[query % len(results)].replace(NAME, f"query_{query}")
        query, written = query + 1, written + len(text)
        yield text


def table(size: int) -> Iterator[str]:
    """Outfmt 6."""
    rng = random.Random(1)
    results = ["".join(_rows(rng, number)) for number in range(QUERIES)]
    yield from repeated(results, size)


FIELDS = (
    "query acc.ver, subject acc.ver, % identity, alignment length, mismatches, gap opens,"
    " q. start, q. end, s. start, s. end, evalue, bit score"
)


def commented_table(size: int) -> Iterator[str]:
    """Outfmt 7: a head for each query."""
    rng = random.Random(1)
    head = f"# BLASTN 2.12.0+\n# Query: {NAME}\n# Database: db\n# Fields: {FIELDS}\n"
    results = [
        f"{head}# {HITS_OF_A_QUERY} hits found\n" + "".join(_rows(rng, number))
        for number in range(QUERIES)
    ]
    queries = 0
    for text in repeated(results, size):
        queries += 1
        yield text
    yield f"# BLAST processed {queries} queries\n"


def _subjects(query: int) -> list[int]:
    """The subject of each hit; every fifth hit is another HSP of the one before."""
    first = query * HITS_OF_A_QUERY
    return [first + hit - (hit % 5 == 4) for hit in range(HITS_OF_A_QUERY)]


def _exponents(rng: random.Random, query: int) -> Iterator[tuple[int, float]]:
    """The subject and e-value of each hit; like BLAST+, the best HSP of a subject first."""
    exponent, before = 0.0, None
    for subject in _subjects(query):
        exponent = rng.uniform(0, exponent if subject == before else 170)
        yield subject, exponent
        before = subject


def _rows(rng: random.Random, query: int) -> Iterator[str]:
    for subject, exponent in _exponents(rng, query):
        yield _row(rng, subject, exponent)


def _row(rng: random.Random, subject: int, exponent: float) -> str:
    return (
        f"{NAME}\tgb|AB{subject:06}.1|\t{rng.uniform(70, 100):.3f}\t"
        f"{rng.randrange(50, 900)}\t{rng.randrange(90)}\t{rng.randrange(9)}\t1\t"
        f"{rng.randrange(900)}\t{rng.randrange(9000)}\t{rng.randrange(9000)}\t"
        f"{10**-exponent:.2e}\t{rng.randrange(30, 1500)}\n"
    )


HEAD = """<?xml version="1.0"?>
<!DOCTYPE BlastOutput PUBLIC "-//NCBI//NCBI BlastOutput/EN" "http://www.ncbi.nlm.nih.gov/dtd/NCBI_BlastOutput.dtd">
<BlastOutput>
  <BlastOutput_program>blastn</BlastOutput_program>
  <BlastOutput_version>BLASTN 2.12.0+</BlastOutput_version>
  <BlastOutput_reference>none</BlastOutput_reference>
  <BlastOutput_db>db</BlastOutput_db>
  <BlastOutput_query-ID>Query_1</BlastOutput_query-ID>
  <BlastOutput_query-def>query_1</BlastOutput_query-def>
  <BlastOutput_query-len>900</BlastOutput_query-len>
  <BlastOutput_param><Parameters><Parameters_expect>10</Parameters_expect></Parameters></BlastOutput_param>
<BlastOutput_iterations>
"""
ITERATION = """<Iteration>
<Iteration_iter-num>1</Iteration_iter-num>
<Iteration_query-ID>{name}</Iteration_query-ID>
<Iteration_query-def>{name}</Iteration_query-def>
<Iteration_query-len>900</Iteration_query-len>
<Iteration_hits>
{hits}</Iteration_hits>
</Iteration>
"""
HIT = """<Hit>
  <Hit_num>{subject}</Hit_num>
  <Hit_id>gnl|BL_ORD_ID|{subject}</Hit_id>
  <Hit_def>subject_{subject} of some organism</Hit_def>
  <Hit_accession>{subject}</Hit_accession>
  <Hit_len>1000</Hit_len>
  <Hit_hsps>
    <Hsp>
      <Hsp_num>1</Hsp_num>
      <Hsp_bit-score>{bits:.3f}</Hsp_bit-score>
      <Hsp_score>{bits:.0f}</Hsp_score>
      <Hsp_evalue>{evalue:.5e}</Hsp_evalue>
      <Hsp_query-from>1</Hsp_query-from>
      <Hsp_query-to>{length}</Hsp_query-to>
      <Hsp_hit-from>1</Hsp_hit-from>
      <Hsp_hit-to>{length}</Hsp_hit-to>
      <Hsp_query-frame>1</Hsp_query-frame>
      <Hsp_hit-frame>1</Hsp_hit-frame>
      <Hsp_identity>{length}</Hsp_identity>
      <Hsp_positive>{length}</Hsp_positive>
      <Hsp_gaps>0</Hsp_gaps>
      <Hsp_align-len>{length}</Hsp_align-len>
      <Hsp_qseq>{sequence}</Hsp_qseq>
      <Hsp_hseq>{sequence}</Hsp_hseq>
      <Hsp_midline>{midline}</Hsp_midline>
    </Hsp>
  </Hit_hsps>
</Hit>
"""


def xml(size: int) -> Iterator[str]:
    """Outfmt 5."""
    rng = random.Random(1)
    genome = "".join(rng.choices("ACGT", k=10_000))
    results = [
        ITERATION.format(name=NAME, hits="".join(_hits(rng, genome, n))) for n in range(QUERIES)
    ]
    yield HEAD
    yield from repeated(results, size)
    yield "</BlastOutput_iterations>\n</BlastOutput>\n"


def _hits(rng: random.Random, genome: str, query: int) -> Iterator[str]:
    for subject, exponent in _exponents(rng, query):
        yield _hit(rng, genome, subject, exponent)


def _hit(rng: random.Random, genome: str, subject: int, exponent: float) -> str:
    length, at = rng.randrange(50, 900), rng.randrange(9000)
    return HIT.format(
        subject=subject,
        bits=rng.uniform(30, 1500),
        evalue=10**-exponent,
        length=length,
        sequence=genome[at : at + length],
        midline="|" * length,
    )


def read(reader: str, path: Path, outfmt: str) -> None:
    """Run one reader over one file, and print its measurements as JSON."""
    for module in PRELOADED.get(reader, ()):
        import_module(module)  # before the measurement, because it matters for a short text
    started_at = time.process_time()
    hit_count = READERS[reader](path, outfmt)
    took = time.process_time() - started_at
    speed = path.stat().st_size / MEGABYTE / took
    print(json.dumps({"hits": hit_count, "speed": speed, "peak": peak_memory()}))


def peak_memory() -> float:
    """This process's peak memory in MiB; a child's `ru_maxrss` starts at its parent's value."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def measured(reader: str, path: Path, outfmt: str) -> dict[str, float]:
    argv = [sys.executable, "-m", "bench.results", "read", reader, str(path), outfmt]
    ended = subprocess.run(argv, capture_output=True, text=True, check=True)
    measurements: dict[str, float] = json.loads(ended.stdout)
    return measurements


def compare(outfmt: str, name: str, make: Callable[[int], Iterator[str]], size: int) -> None:
    """Print a line per reader of one format."""
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder) / "whole", Path(folder) / "part"
        for path, target_size in ((whole, size), (part, size // SHARE)):
            with path.open("w") as file:
                file.writelines(make(target_size))
        base = measured("index", whole, outfmt)
        print(f"{name}, {whole.stat().st_size // MEGABYTE} MB, {base['hits']:,.0f} hits")
        _print_line("index", base)
        for other in COMPARED[outfmt]:
            measurements = measured(other, part, outfmt)
            times = base["speed"] / measurements["speed"]
            share = measurements["peak"] / base["peak"]
            _print_line(
                other,
                measurements,
                f"  we are {times:.1f} times as fast; its peak is {share:.1f} times",
            )


def _print_line(name: str, measurements: dict[str, float], suffix: str = "") -> None:
    speed, peak = measurements["speed"], measurements["peak"]
    print(f"  {name:18} {speed:7.1f} MB/s  peak {peak:5.0f} MiB{suffix}", flush=True)


def main(argv: list[str]) -> None:
    if argv[:1] == ["read"]:
        read(argv[1], Path(argv[2]), argv[3])
        return
    size = int(argv[0] if argv else 200) * MEGABYTE
    compare("6", "outfmt 6", table, size)
    compare("7", "outfmt 7", commented_table, size)
    compare("5", "outfmt 5", xml, size)


if __name__ == "__main__":
    main(sys.argv[1:])
