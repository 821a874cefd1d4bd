"""Failure 44: hanging servers do not block the health endpoint."""

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from local.processes import Child
from shared.contracts.activities import ActivityInput, ActivityName
from tests.worker.host import THREADS, Answer, Host, WorkerStack
from tests.worker.test_functions import submitted

READS, WATCHED = 10, 8


@contextmanager
def frozen(*children: Child) -> Iterator[None]:
    """Stop processes while the context is open: they accept connections but never respond."""
    for child in children:
        child.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for child in children:
            child.process.send_signal(signal.SIGCONT)


def test_failure_44_health_responds_while_reads_and_searches_wait(
    host: Host, stack: WorkerStack
) -> None:
    assert READS > THREADS
    jobs = [submitted(host) for _ in range(WATCHED)]
    with ThreadPoolExecutor(READS + WATCHED) as clients:
        with frozen(stack.azurite.child, stack.cluster):
            waiting: list[Future[object]] = [
                clients.submit(host.http, "read_job", id=jobs[0]) for _ in range(READS)
            ]
            for job_id in jobs:
                waiting.append(
                    clients.submit(host.step, ActivityName.OBSERVE_SEARCH, ActivityInput(job_id, 1))
                )
            host.until_running("read_job", READS)
            host.until_running(ActivityName.OBSERVE_SEARCH, WATCHED)
            health: Answer = host.http("health")
            answered = [future for future in waiting if future.done()]
        assert health.status == 200 and health.body["status"] == "ok"
        assert answered == []
