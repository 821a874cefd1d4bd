"""Cancelling, in a small world: called cancelled only once nothing is left."""

from collections.abc import Callable

import pytest

from shared.contracts.job import Job
from shared.contracts.states import Phase
from shared.contracts.steps import Verb
from tests.world.scene import Scene
from tests.world.things import KubeJob, Lease, Plan, Trouble, trouble

LONG = Plan(takes=LONG_TIME) if (LONG_TIME := __import__("datetime").timedelta(minutes=10)) else None
