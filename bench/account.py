"""The processor time of an accepted search and its first two steps, by what takes it.

python -m bench.account

py-spy samples the app with its host while 16 clients submit; a sample counts for the innermost
library or part of the project in its stack, and for the request or step that it belongs to.
"""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import figures
from bench.api import submissions
from bench.app import AppUnderTest, put_database, running_app

CLIENTS = 16
SECONDS = 10.0
RATE = 100
"""Samples a second."""
PY_SPY = Path(sys.executable).with_name("py-spy")
PROJECT = f"{Path(__file__).parents[1]}/"
LAYERS = {
    "/azure/data/tables/": "the SDK of Tables",
    "/azure/storage/": "the SDKs of Blob and Queue",
    "/azure/core/": "common core of the storage SDKs: policies, URLs, headers",
    "/azure/durable_functions/": "Durable Functions",
    "/azure/functions/": "Durable Functions",
    "/aiohttp/client": "HTTP client",
    "/aiohttp/web": "HTTP server of the local host",
    "/aiohttp/": "HTTP client",
    "/yarl/": "HTTP client",
    "/multidict/": "HTTP client",
    "/pydantic": "the app: requests and models",
    f"{PROJECT}local/": "the local host",
    f"{PROJECT}triggers/": "the app: requests and models",
    f"{PROJECT}activities/": "the app: steps",
    f"{PROJECT}blast_orchestrator/": "the app: steps",
    f"{PROJECT}shared/": "the app: what both share",
}
"""What a frame belongs to, by a part of its path; the first that fits counts."""
IDLE = ("_worker (", "select (")
"""Threads that wait for work: py-spy takes some of them for running ones."""
MULTIPART = "multipart encoding of transactions"
LOOP = "event loop, logging, and the rest of the standard library"
WORK = {
    f"{PROJECT}triggers/": "acceptance",
    f"{PROJECT}activities/": "steps",
    f"{PROJECT}blast_orchestrator/": "steps",
}
BETWEEN = "neither"
"""Callbacks of connections, the host's database, and what else has no request in its stack."""
COLUMNS = ("acceptance", "steps", BETWEEN)


class NotSampled(Exception):
    """py-spy failed; the message is its own."""


async def main() -> int:
    try:
        await measure()
    except NotSampled as error:
        print(f"not measured: {error}")
        return 1
    return 0


async def measure() -> None:
    with running_app() as app:
        await put_database(app.azurite)
        submissions(app, CLIENTS, 2.0)
        before = app.cpu_seconds()
        with tempfile.TemporaryDirectory() as folder, sampled(app, Path(folder) / "samples") as out:
            accepted = len(submissions(app, CLIENTS, SECONDS))
            app.table_calls()  # waits until their first two steps are taken
        host, azurite = (
            (now - then) * 1000 / accepted
            for now, then in zip(app.cpu_seconds(), before, strict=True)
        )
        show(classified(out), accepted, host, azurite)


@contextmanager
def sampled(app: AppUnderTest, file: Path) -> Iterator[list[str]]:
    """Samples the host; the stacks are there at the end, each followed by its count."""
    stacks: list[str] = []
    options = ["--format", "raw", "--full-filenames", "--rate", str(RATE)]
    argv = [str(PY_SPY), "record", *options, "--pid", str(app.host.process.pid), "-o", str(file)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as sampler:
        try:
            yield stacks
        finally:  # else it would be waited for, and it for the end of the host
            sampler.send_signal(signal.SIGINT)  # it writes its file then
        _, errors = sampler.communicate(timeout=SECONDS)
    if sampler.returncode:  # as where only root may look at another process
        raise NotSampled(errors.decode(errors="replace").strip())
    stacks += file.read_text().splitlines()


def classified(stacks: Iterable[str]) -> Counter[tuple[str, str]]:
    """Samples by layer and kind of work."""
    found: Counter[tuple[str, str]] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if frames[-1].startswith(IDLE):
            continue
        found[layer_of(frames), work_of(frames)] += int(count)
    return found


def layer_of(frames: list[str]) -> str:
    """What takes the time: the innermost frame with a name of its own decides."""
    if any(frame.startswith("_prepare_multipart") for frame in frames):
        return MULTIPART
    for frame in reversed(frames):
        for part, layer in LAYERS.items():
            if part in frame:
                return layer
    return LOOP


def work_of(frames: list[str]) -> str:
    """What the time is taken for."""
    for frame in frames:
        for part, work in WORK.items():
            if part in frame:
                return work
    return BETWEEN


def show(samples: Counter[tuple[str, str]], accepted: int, host: float, azurite: float) -> None:
    """Print milliseconds for each accepted search."""
    each = host / samples.total()
    title = "ms of processor time for an accepted search"
    print(f"{title:60}" + "".join(f"{column:>12}" for column in COLUMNS))
    layers, works = Counter[str](), Counter[str]()
    for (layer, work), count in samples.items():
        layers[layer] += count
        works[work] += count
    for layer, _ in layers.most_common():
        print(f"{layer:60}" + "".join(f"{samples[layer, work] * each:12.1f}" for work in COLUMNS))
    print(f"{'all':60}" + "".join(f"{works[work] * each:12.1f}" for work in COLUMNS))
    total = host + azurite
    print(f"The app with its host takes {host:.1f} ms, Azurite {azurite:.1f}: {accepted} searches.")
    print(f"So two cores could accept {2000 / total:.0f}/s with their steps, if nothing else ran.")


if __name__ == "__main__":
    figures.no_options(__doc__)
    sys.exit(asyncio.run(main()))
