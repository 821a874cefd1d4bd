"""blastctl: submit searches, wait for them, and fetch their results.

Exit codes: 0 completed, 2 wrong arguments or a refused request, 3 failed, 4 cancelled,
75 try again.
"""

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from elastic_blast_client.arguments import parse
from elastic_blast_client.client import Client, Credential
from elastic_blast_client.completion import SCRIPTS
from elastic_blast_client.errors import BlastError, Refused, TryAgain
from elastic_blast_client.output import Progress, print_json, print_rows, report_retry

OK, REFUSED, FAILED, CANCELLED, TRY_AGAIN, INTERRUPTED, BROKEN_PIPE = 0, 2, 3, 4, 75, 130, 141
"""75 is EX_TEMPFAIL of sysexits.h: workflow engines repeat the command. 130 and 141 are what a
shell reports for programs that SIGINT and SIGPIPE have ended."""
EXIT_CODES = {"completed": OK, "failed": FAILED, "cancelled": CANCELLED}
Command = Callable[[Client, argparse.Namespace], int]
DEFAULT_URL = "http://127.0.0.1:7071"
OWNER = ".blastctl"
"""The file in a folder of results that has the id of their search."""


def main(argv: Sequence[str] | None = None, client: Client | None = None) -> int:
    """Run a command; returns its exit code."""
    options = parse(argv, os.environ.get("BLASTCTL_URL") or DEFAULT_URL, __doc__ or "")
    run = COMMANDS[options.command]
    try:
        with client or Client(options.url, _credential()) as opened:
            opened.on_retry = report_retry
            code = run(opened, options)
            sys.stdout.flush()
            return code
    except TryAgain as error:
        return _complain(error, TRY_AGAIN)
    except Refused as error:
        return _complain(error, REFUSED)
    except BrokenPipeError:  # the reader has enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit
        return BROKEN_PIPE
    except (BlastError, OSError, ValueError) as error:
        return _complain(error, REFUSED)
    except KeyboardInterrupt:
        sys.stderr.write(f"\nblastctl: interrupted; {_AFTER_INTERRUPT[options.command]}\n")
        return INTERRUPTED


def _complain(error: Exception, code: int) -> int:
    sys.stderr.write(f"blastctl: {error}\n")
    for fault in error.faults if isinstance(error, Refused) else ():
        sys.stderr.write(f"  {fault.field}: {fault.message}\n")
    return code


def _credential() -> Credential:
    return os.environ.get("BLASTCTL_TOKEN") or None


def _submit(client: Client, options: argparse.Namespace) -> int:
    query = sys.stdin.read() if options.query == "-" else Path(options.query).read_text()
    more = {name: _value(text) for name, text in options.option}
    job = client.submit(
        options.program, options.db, query, key=options.key, job_title=options.title, **more
    )
    for warning in (job.raw.get("meta") or {}).get("warnings") or ():
        sys.stderr.write(f"blastctl: {warning}\n")
    print(job.job_id, flush=True)
    return _follow(client, job.job_id) if options.wait else OK


def _wait(client: Client, options: argparse.Namespace) -> int:
    return _follow(client, options.job_id)


def _follow(client: Client, job_id: str) -> int:
    with Progress(sys.stderr if sys.stderr.isatty() else sys.stdout) as progress:
        client.on_retry = progress.report_retry
        job = client.wait(job_id, progress.show, check=False)
    if job.status != "completed":
        sys.stderr.write(f"blastctl: {job_id} is {job.status}: {job.error or job.phase}\n")
    return EXIT_CODES[job.status]


def _list(client: Client, options: argparse.Namespace) -> int:
    jobs = client.list(options.limit, status=options.status)
    if options.ids:
        print("".join(f"{job.job_id}\n" for job in jobs), end="")
        return OK
    rows = [(job.job_id, job.status, job.phase, job.title) for job in jobs]
    print_rows(("job_id", "status", "phase", "title"), rows, [job.raw for job in jobs])
    return OK


def _show(client: Client, options: argparse.Namespace) -> int:
    print_json(client.show(options.job_id).raw)
    return OK


def _hits(client: Client, options: argparse.Namespace) -> int:
    filters = dict(options.option)
    names = ("qseqid", "sseqid", "pident", "length", "evalue", "bitscore")
    for number, hit in enumerate(client.hits(options.job_id, **filters)):
        if options.limit is not None and number >= options.limit:
            break
        if not sys.stdout.isatty():
            print(json.dumps(hit))
        else:
            if number == 0:
                print("\t".join(names))
            print("\t".join(str(hit.get(name, "")) for name in names))
    return OK


def _fetch(client: Client, options: argparse.Namespace) -> int:
    """The result files, or the hits as one file; what is there is not fetched again."""
    if options.format:
        target = Path(options.output or f"{options.job_id}.{options.format}")
        print(client.export(options.job_id, target, options.format, **dict(options.option)))
        return OK
    if options.option:
        raise ValueError("-o filters hits: name a --format, such as csv")
    files = client.results(options.job_id)
    if not files:
        raise ValueError(
            f"{options.job_id} has no results, its status is {client.show(options.job_id).status}"
        )
    folder = Path(options.output or options.job_id)
    targets = {file.file_id: folder / file.name.replace("/", "_") for file in files}
    _claim(folder, options.job_id, targets.values())
    for file in files:
        target = targets[file.file_id]
        if not (target.exists() and target.stat().st_size == file.size):
            client.download(options.job_id, file.file_id, target)
        print(target, flush=True)
    return OK


def _claim(folder: Path, job_id: str, targets: Iterable[Path]) -> None:
    """Remove the files of another search, which can have the same names and sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder / OWNER
    if not (owner.exists() and owner.read_text() == job_id):
        for target in targets:
            target.unlink(missing_ok=True)
        owner.write_text(job_id)


def _cancel(client: Client, options: argparse.Namespace) -> int:
    status = client.cancel(options.job_id)
    if status == "cancelling" and options.wait:
        return OK if _follow(client, options.job_id) == CANCELLED else REFUSED
    print(status)
    return OK


def _databases(client: Client, options: argparse.Namespace) -> int:
    listed = client.databases()
    rows = [
        (
            f"{each['container']}/{each['prefix']}/{each['name']}",
            each["type"],
            each.get("title", ""),
        )
        for each in listed
    ]
    print_rows(("database", "type", "title"), rows, listed)
    return OK


def _completion(client: Client, options: argparse.Namespace) -> int:
    print(SCRIPTS[options.shell], end="")
    return OK


def _value(text: str) -> Any:
    """A number or boolean as such, for the JSON body; anything else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int) else text


COMMANDS: Mapping[str, Command] = {
    "submit": _submit,
    "wait": _wait,
    "list": _list,
    "show": _show,
    "hits": _hits,
    "fetch": _fetch,
    "cancel": _cancel,
    "databases": _databases,
    "completion": _completion,
}
_AFTER_INTERRUPT: Mapping[str, str] = defaultdict(
    lambda: "nothing was changed",
    submit="a search that was accepted goes on: see `blastctl list`",
    wait="the search goes on",
    fetch="the same command goes on with what is missing",
    cancel="a cancel that was accepted goes on: see `blastctl show`",
)


if __name__ == "__main__":
    sys.exit(main())
