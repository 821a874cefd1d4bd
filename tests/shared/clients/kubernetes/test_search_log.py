"""The log of a search's pods: bounded, redacted, and of this search alone."""

from collections.abc import Callable

import pytest

from shared.clients.kubernetes import ClusterCredentials, KubernetesCluster, SearchLog
from shared.clients.kubernetes.search_log import (
    GAP,
    LIMIT_BYTES,
    MAX_LOG_BYTES,
    MAX_PODS,
    PODS_BY_PHASE,
    TAIL_LINES,
)
from shared.errors import Unavailable
from tests.shared.clients.kubernetes.server import Json, Reply, Request, Server, provider, status

ID = "job-1"
SECRET = "sv=2024-01-01&sig=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
STAMP = "2026-11-28T12:00:0{}.00000000{}Z"


def client_of(server: Server, total: float) -> KubernetesCluster:
    credentials = ClusterCredentials(server.url, authority=server.pem.decode())
    return KubernetesCluster(provider(credentials), timeouts=(20.0, 20.0, total))


@pytest.fixture
def cluster(server: Server) -> KubernetesCluster:
    """A client with long timeouts: a look opens many connections at once."""
    return client_of(server, 20.0)


def pod(name: str, *containers: Json, search: str = ID, app: str = "blast") -> Json:
    variables = [{"name": "BLAST_ELB_JOB_ID", "value": search}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": {"app": app}},
        "spec": {"containers": [{"name": "blast", "env": variables}]},
        "status": {"containerStatuses": list(containers)},
    }


def state(kind: str = "running", restarts: int = 0, name: str = "blast") -> Json:
    return {"name": name, "restartCount": restarts, "state": {kind: {}}}


def items(*listed: Json) -> Reply:
    return Reply(body={"kind": "PodList", "metadata": {}, "items": list(listed)})


def text(*lines: str) -> Reply:
    return Reply(body="".join(lines).encode(), headers={"Content-Type": "text/plain"})


def answering(
    pods: dict[str, list[Json]],
    log: Callable[[Request], Reply] = lambda _: text(),
    events: Callable[[Request], Reply] = lambda _: items(),
) -> Callable[[Request], Reply]:
    """Answers with these pods by phase, and with their logs and events."""

    def manner(request: Request) -> Reply:
        if request.path.endswith("/log"):
            return log(request)
        if request.path.endswith("/events"):
            is_of_a_pod = request.query["fieldSelector"].startswith("involvedObject.uid=")
            return events(request) if is_of_a_pod else items()
        phase = request.query["fieldSelector"].removeprefix("status.phase=")
        return items(*pods.get(phase, [])[: int(request.query["limit"])])

    return manner


def texts(search_log: SearchLog) -> list[str]:
    return [line.text for line in search_log.lines]


async def test_lines_have_their_pod_container_and_time(
    server: Server, cluster: KubernetesCluster
) -> None:
    lines = f"{STAMP.format(1, 7)} first\n{STAMP.format(2, 0)} \n"
    server.manner = answering({"Running": [pod("a", state())]}, lambda _: text(lines))
    first, second = (await cluster.read_log(ID)).lines
    assert (first.pod, first.container, first.app, first.text) == ("a", "blast", "blast", "first")
    assert first.at.isoformat() == "2026-11-28T12:00:01+00:00"
    assert (first.position % 1000, second.text) == (7, "")
    assert second.position > first.position
    (request,) = (request for request in server.requests if request.path.endswith("/log"))
    assert request.query == {
        "container": "blast",
        "tailLines": str(TAIL_LINES[0]),
        "limitBytes": str(LIMIT_BYTES),
        "timestamps": "true",
    }


async def test_r5_pods_of_another_search_with_the_same_label_are_left_out(
    server: Server, cluster: KubernetesCluster
) -> None:
    pods = [pod("mine", state()), pod("other", state(), search="job-2")]
    server.manner = answering({"Running": pods}, lambda _: text(f"{STAMP.format(1, 0)} x\n"))
    assert {line.pod for line in (await cluster.read_log(ID)).lines} == {"mine"}
    paths = {request.path for request in server.requests}
    assert not any("other" in path for path in paths)


async def test_secrets_and_sequences_are_redacted(
    server: Server, cluster: KubernetesCluster
) -> None:
    lines = [f"get https://a/b?{SECRET}", ">query", "ACGTTGACCAGTTGACCATTGACC", "ACGTACG", "done"]
    stamped = "".join(f"{STAMP.format(1, number)} {line}\n" for number, line in enumerate(lines))

    def events(_: Request) -> Reply:
        event = {"metadata": {"resourceVersion": "5"}, "reason": "Failed", "message": SECRET}
        return items(event | {"lastTimestamp": "2026-11-28T12:00:00Z", "count": 3})

    server.manner = answering({"Running": [pod("a", state())]}, lambda _: text(stamped), events)
    search_log = await cluster.read_log(ID)
    written = "\n".join(texts(search_log))
    assert "c2VjcmV0" not in written
    assert "ACGT" not in written
    assert texts(search_log)[-1] == "done"
    assert search_log.lines[-1].position % 1000 == 4
    assert len(search_log.lines) == 1 + len(lines)
    (event_line,) = (line for line in search_log.lines if not line.container)
    assert (event_line.position, event_line.text.endswith("(3 times)")) == (5, True)


async def test_a_container_that_was_restarted_has_the_log_of_the_run_before(
    server: Server, cluster: KubernetesCluster
) -> None:
    def log(request: Request) -> Reply:
        second, words = (1, "before") if "previous" in request.query else (2, "now")
        return text(f"{STAMP.format(second, 0)} {words}\n")

    server.manner = answering({"Running": [pod("a", state(restarts=1))]}, log)
    assert texts(await cluster.read_log(ID)) == ["before", "now"]
    server.manner = answering({"Running": [pod("a", state("waiting", restarts=1))]}, log)
    assert texts(await cluster.read_log(ID)) == ["now"]


async def test_containers_that_wait_are_not_asked_and_missing_logs_are_skipped(
    server: Server, cluster: KubernetesCluster
) -> None:
    waiting = pod("waiting", state("waiting"))
    replies = {"late": status(400, "BadRequest"), "gone": status(404, "NotFound")}
    server.manner = answering(
        {"Running": [waiting, pod("late", state()), pod("gone", state())]},
        lambda request: replies[request.path.split("/")[-2]],
    )
    search_log = await cluster.read_log(ID)
    assert (search_log.lines, search_log.notices, search_log.has_pods) == ((), (), True)


async def test_a_log_that_cannot_be_read_is_named_once_and_the_others_are_shown(
    server: Server, cluster: KubernetesCluster
) -> None:
    def log(request: Request) -> Reply:
        if "/good/" in request.path:
            return text(f"{STAMP.format(1, 0)} fine\n")
        return status(403, "Forbidden")

    pods = [pod("bad", state()), pod("worse", state()), pod("good", state())]
    server.manner = answering({"Running": pods}, log)
    search_log = await cluster.read_log(ID)
    assert texts(search_log) == ["fine"]
    assert search_log.notices == (
        "a part of the log could not be read: the cluster answered 403: Forbidden",
    )


async def test_a_look_has_limits(server: Server, cluster: KubernetesCluster) -> None:
    """Failed pods come first; each list and each log is limited."""
    pods = {
        phase: [pod(f"{phase.lower()}-{number}", state()) for number in range(50)]
        for phase in PODS_BY_PHASE
    }
    server.manner = answering(pods, lambda _: text(f"{STAMP.format(1, 0)} x\n"))
    search_log = await cluster.read_log(ID)
    names = {line.pod for line in search_log.lines}
    assert len(names) == MAX_PODS
    assert {"failed-0", "failed-1", "failed-2", "running-0"} <= names
    assert search_log.notices == (f"the search has more pods: the log has lines of {MAX_PODS}",)
    assert len(server.requests) == len(PODS_BY_PHASE) + 2 * MAX_PODS + 1  # events of Jobs
    server.manner = answering({"Running": pods["Running"][: PODS_BY_PHASE["Running"]]})
    assert (await cluster.read_log(ID)).notices == ()


@pytest.mark.parametrize("kind", ["running", "terminated"])
async def test_a_line_that_was_cut_is_left_out(
    server: Server, cluster: KubernetesCluster, kind: str
) -> None:
    """That of a container that has ended is whole, unless the log is as long as its limit."""
    lines = f"{STAMP.format(1, 0)} a\n{STAMP.format(1, 1)} b"
    server.manner = answering({"Running": [pod("a", state(kind))]}, lambda _: text(lines))
    assert texts(await cluster.read_log(ID)) == (["a"] if kind == "running" else ["a", "b"])


async def test_of_a_log_beyond_its_limit_the_newest_lines_are_shown(
    server: Server, cluster: KubernetesCluster
) -> None:
    """A line that is longer than the limit is shown as far as it was sent."""

    def log(words: str) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            lines = [f"{STAMP.format(1, n)} {n} {words}\n" for n in range(8)]
            tail = "".join(lines[-int(request.query["tailLines"]) :])
            return text(tail[: int(request.query["limitBytes"])])

        return answer

    for words, shown in (
        ("x" * 20_000, ["(earlier", "7"]),
        ("x" * 100_000, ["(earlier", "7"]),
        ("x" * 5_000, [*"01234567"]),
    ):
        server.manner = answering({"Running": [pod("a", state())]}, log(words))
        search_log = await cluster.read_log(ID)
        assert [line.split(" ")[0] for line in texts(search_log)] == shown


@pytest.mark.parametrize("number", [TAIL_LINES[0] - 1, TAIL_LINES[0], TAIL_LINES[0] + 1])
async def test_a_log_that_may_have_earlier_lines_says_so(
    server: Server, cluster: KubernetesCluster, number: int
) -> None:
    lines = [f"2026-11-28T12:00:00.{n:09}Z {n}\n" for n in range(number)]

    def log(request: Request) -> Reply:
        return text(*lines[-int(request.query["tailLines"]) :])

    server.manner = answering({"Running": [pod("a", state())]}, log)
    first, *others = (await cluster.read_log(ID)).lines
    assert (first.is_gap, first.text == GAP) == ((number >= TAIL_LINES[0],) * 2)
    assert not any(line.is_gap for line in others)
    assert others[0].position == first.position + (0 if first.is_gap else 1)
    assert others[-1].text == str(number - 1)


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"x" * (MAX_LOG_BYTES + 1)),
        Reply(drips=True, body=b"x", length=1000),
        Reply(closes=True),
        Reply(500, b"<html>"),
        status(500, "InternalError"),
    ],
    ids=["too-long", "endless", "closed", "proxy", "kubelet"],
)
async def test_a_log_that_does_not_arrive_is_a_notice(server: Server, reply: Reply) -> None:
    server.manner = answering({"Running": [pod("a", state())]}, lambda _: reply)
    search_log = await client_of(server, 2.0).read_log(ID)
    assert search_log.lines == ()
    (notice,) = search_log.notices
    assert notice.startswith("a part of the log could not be read: the cluster ")


@pytest.mark.parametrize(
    "reply",
    [items({"metadata": {}}), Reply(body={"kind": "Pod"}), status(403, "Forbidden")],
    ids=["invalid-item", "no-list", "refused"],
)
async def test_pods_that_cannot_be_listed_are_an_error(
    server: Server, cluster: KubernetesCluster, reply: Reply
) -> None:
    server.manner = lambda _: reply
    with pytest.raises(Unavailable):
        await cluster.read_log(ID)
