"""The command `elastic-blast`, and what the containers of its Jobs run."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from local.elastic_blast import pods
from local.elastic_blast.world import Environment, read_environment

VERSION = "elastic-blast 0.1.0, for one machine"
NOT_OFFERED = ("status", "delete")


class Parser(argparse.ArgumentParser):
    """Ends with 1 where arguments are wrong, as elastic-blast does."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"ERROR: {message}\n")


def main(argv: list[str]) -> int:
    """Obey one command line; returns the exit code."""
    asked = _parser().parse_args(argv)
    return int(asked.run(asked, read_environment(asked.world)))


def _parser() -> Parser:
    parser = Parser("elastic-blast", description="Submits BLAST searches to a local cluster.")
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument("--world", type=Path, required=True, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="submit|version")
    _add_submit(commands)
    commands.add_parser("version", help="say which one this is").set_defaults(run=_version)
    for name in NOT_OFFERED:
        commands.add_parser(name).set_defaults(run=_not_offered, command=name)
    pods.add_commands(commands)
    return parser


def _add_submit(commands: pods.Commands) -> None:
    submit = commands.add_parser("submit", help="submit a search")
    submit.add_argument("--cfg", choices=["-"], required=True, help="the INI, on stdin")
    submit.add_argument("--json", action="store_true", help="say the outcome as a line of JSON")
    submit.add_argument("--idempotency-key", required=True, help="names the submission")
    submit.add_argument("--correlation-id", default="", help="is repeated in the outcome")
    submit.add_argument("--logfile", choices=["stderr"], default="stderr")
    submit.add_argument(
        "--loglevel", choices=["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], default="INFO"
    )
    submit.set_defaults(run=_submit)


def _submit(asked: argparse.Namespace, world: Environment) -> int:
    from local.elastic_blast.command import submit_command  # slow, and pods do without it

    return submit_command(asked, world)


def _version(asked: argparse.Namespace, world: Environment) -> int:
    print(VERSION)
    return 0


def _not_offered(asked: argparse.Namespace, world: Environment) -> int:
    print(
        f"ERROR: {asked.command} is not offered here: ask the cluster for the Jobs by their label",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
