"""`elastic-blast submit`: its stdin, its record of calls, its last words."""

import argparse
import logging
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime

from local.elastic_blast import calls
from local.elastic_blast.answers import Ending, misused, printed
from local.elastic_blast.behaviours import InvalidFaultRules, matching_rule
from local.elastic_blast.config import LARGEST
from local.elastic_blast.plan import KEY
from local.elastic_blast.submission import SubmitRequest, submit
from local.elastic_blast.world import Environment

INTERRUPTED = 9
"""The exit code of a submission that was asked to end."""


def submit_command(asked: argparse.Namespace, world: Environment) -> int:
    """Submit what stdin asks for, and print how it went; returns the exit code.

    Each call is in the record from its first moment, so that a killed one is there too.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s: %(message)s")
    logging.getLogger("elastic_blast").setLevel(asked.loglevel)
    key = asked.idempotency_key
    if not KEY.fullmatch(key):
        return _say(misused(f"{key!r} is no idempotency key"), asked)
    call = calls.begin(world.calls, key.lower(), datetime.now(UTC))
    ending = _ending(asked, world, call)
    calls.end(world.calls, call, ending.outcome, ending.exit_code)
    return _say(ending, asked)


def _ending(asked: argparse.Namespace, world: Environment, call: calls.Call) -> Ending:
    try:
        trouble = matching_rule(world.fault_rules, call.key, call.number)
        ini = sys.stdin.read(LARGEST + 1)
        ending = submit(SubmitRequest(call.key, ini, trouble, asked.world, os.environ), world)
        return replace(ending, output=trouble.output)
    except InvalidFaultRules as error:
        return misused(str(error))
    except KeyboardInterrupt:
        return Ending(INTERRUPTED, None, "interrupted")


def _say(ending: Ending, asked: argparse.Namespace) -> int:
    if asked.json and ending.answer is not None:
        sys.stdout.write(printed(ending, asked.correlation_id))
    if ending.stderr:
        print(f"ERROR: {ending.stderr}", file=sys.stderr)
    return ending.exit_code
