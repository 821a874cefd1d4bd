"""`elastic-blast submit`: reads stdin, records the call, prints the outcome."""

import argparse
import logging
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime

from local.elastic_blast import calls
from local.elastic_blast.config import MAX_INI_BYTES
from local.elastic_blast.environment import Environment
from local.elastic_blast.fault_rules import InvalidFaultRules, matching_rule
from local.elastic_blast.plan import KEY
from local.elastic_blast.submission import SubmitRequest, submit
from local.elastic_blast.submit_exit import SubmitExit, render, usage_exit

INTERRUPTED = 9
"""The exit code of a submission that gets SIGTERM or SIGINT."""


def submit_command(args: argparse.Namespace, environment: Environment) -> int:
    """Submit the INI on stdin and print the outcome; returns the exit code.

    Each call is recorded at its start, so that killed ones are in the record too.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s: %(message)s")
    logging.getLogger("elastic_blast").setLevel(args.loglevel)
    key = args.idempotency_key
    if not KEY.fullmatch(key):
        return _print_exit(usage_exit(f"--idempotency-key {key!r} is invalid"), args)
    call = calls.begin(environment.calls, key.lower(), datetime.now(UTC))
    submit_exit = _run_submit(args, environment, call)
    calls.end(environment.calls, call, submit_exit.outcome, submit_exit.exit_code)
    return _print_exit(submit_exit, args)


def _run_submit(args: argparse.Namespace, environment: Environment, call: calls.Call) -> SubmitExit:
    try:
        rule = matching_rule(environment.fault_rules, call.key, call.number)
        ini = sys.stdin.read(MAX_INI_BYTES + 1)
        submit_exit = submit(
            SubmitRequest(call.key, ini, rule, args.environment, os.environ), environment
        )
        return replace(submit_exit, output=rule.output)
    except InvalidFaultRules as error:
        return usage_exit(str(error))
    except KeyboardInterrupt:
        return SubmitExit(INTERRUPTED, None, "interrupted")


def _print_exit(submit_exit: SubmitExit, args: argparse.Namespace) -> int:
    if args.json and submit_exit.body is not None:
        sys.stdout.write(render(submit_exit, args.correlation_id))
    if submit_exit.stderr:
        print(f"ERROR: {submit_exit.stderr}", file=sys.stderr)
    return submit_exit.exit_code
