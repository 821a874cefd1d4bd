"""The arguments of blastctl."""

import argparse
from collections.abc import Sequence

from elastic_blast_client.completion import SCRIPTS


def parse(argv: Sequence[str] | None, url: str, about: str) -> argparse.Namespace:
    """The arguments, of which `command` names the command. `url` is the default server."""
    parser = argparse.ArgumentParser(
        prog="blastctl",
        description="Run BLAST searches on a cluster.",
        epilog=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", default=url, help="the server; else BLASTCTL_URL, or %(default)s")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")

    def command(name: str, about: str, has_job: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about)
        if has_job:
            made.add_argument("job_id")
        return made

    _describe_submit(command("submit", "submit a search, and print its id", has_job=False))
    command("wait", "wait for the end of a search; the exit code tells which")
    _describe_list(command("list", "list the newest searches", has_job=False))
    command("show", "print a search as JSON")
    _describe_hits(command("hits", "print hits: a table, or JSON lines in a pipe"))
    _describe_fetch(command("fetch", "download the results; goes on after a cut"))
    cancel = command("cancel", "cancel a search")
    cancel.add_argument("--wait", action="store_true", help="wait until nothing of it is left")
    command("databases", "list the databases", has_job=False)
    completion = command("completion", "print the completion for a shell", has_job=False)
    completion.add_argument("shell", nargs="?", choices=sorted(SCRIPTS), default="bash")
    return parser.parse_args(argv)


def _describe_submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("program")
    parser.add_argument("db")
    parser.add_argument("query", help="a FASTA file, or - for the standard input")
    parser.add_argument("--title", help="a title for people")
    parser.add_argument("--key", help="idempotency key: under it the search runs once")
    parser.add_argument("--wait", action="store_true", help="wait for its end, as `wait` does")
    _add_options(parser, "a field of the API, such as evalue=1e-9")


def _describe_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--status")
    parser.add_argument("--ids", action="store_true", help="ids only")


def _describe_hits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int)
    _add_options(parser, "a filter of the API, such as max_evalue=1e-20")


def _describe_fetch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", help="the hits as one file: csv, tsv, json, jsonl, parquet")
    parser.add_argument("--output", help="the folder of result files, or the file of --format")
    _add_options(parser, "a filter of the API, with --format")


def _add_options(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument(
        "-o", "--option", action="append", type=_pair, default=[], metavar="NAME=VALUE", help=about
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name, value
