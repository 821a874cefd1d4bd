"""The command `elastic-blast`, and the programs of its Jobs' containers."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from local.elastic_blast import pods
from local.elastic_blast.environment import Environment, read_environment

VERSION = "elastic-blast 0.1.0, for one machine"
UNSUPPORTED = ("status", "delete")


class Parser(argparse.ArgumentParser):
    """Exits with 1 for invalid arguments, as elastic-blast does."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"ERROR: {message}\n")


def main(argv: list[str]) -> int:
    """Run one command line; returns the exit code."""
    args = _parser().parse_args(argv)
    return int(args.run(args, read_environment(args.environment)))


def _parser() -> Parser:
    parser = Parser("elastic-blast", description="Submits BLAST searches to a local cluster.")
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument("--environment", type=Path, required=True, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="submit|version")
    _add_submit(commands)
    commands.add_parser("version", help="print the version").set_defaults(run=_version)
    for name in UNSUPPORTED:
        commands.add_parser(name).set_defaults(run=_unsupported, command=name)
    pods.add_commands(commands)
    return parser


def _add_submit(commands: pods.Commands) -> None:
    submit = commands.add_parser("submit", help="submit a search")
    submit.add_argument("--cfg", choices=["-"], required=True, help="the INI, on stdin")
    submit.add_argument("--json", action="store_true", help="print the outcome as a line of JSON")
    submit.add_argument("--idempotency-key", required=True, help="names the submission")
    submit.add_argument("--correlation-id", default="", help="repeated in the outcome")
    submit.add_argument("--logfile", choices=["stderr"], default="stderr")
    submit.add_argument(
        "--loglevel", choices=["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], default="INFO"
    )
    submit.set_defaults(run=_submit)


def _submit(args: argparse.Namespace, environment: Environment) -> int:
    from local.elastic_blast.command import submit_command  # slow import; containers skip it

    return submit_command(args, environment)


def _version(args: argparse.Namespace, environment: Environment) -> int:
    print(VERSION)
    return 0


def _unsupported(args: argparse.Namespace, environment: Environment) -> int:
    print(
        f"ERROR: {args.command} is not offered here: list the Jobs by their elb-job-id label",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
