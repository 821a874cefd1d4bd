"""Logs by part and with times, and events: as an API server of Kubernetes answers."""

from datetime import datetime
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from local.cluster.log_options import LogOptions
from local.cluster.log_times import rfc3339_nano
from tests.local.cluster.cluster_fixture import ClusterFixture, has, in_phase, job

SECOND = 10**9


def printed(cluster: ClusterFixture, name: str, command: str) -> str:
    """The pod of a Job that has printed something and ended."""
    cluster.create(job(name, command))
    cluster.until_job(name, has("Complete"))
    (pod,) = cluster.pods(name)
    return str(pod["metadata"]["name"])


def read(cluster: ClusterFixture, pod: str, **options: Any) -> str:
    return str(cluster.core.read_namespaced_pod_log(pod, "default", **options))


def test_lines_have_times_that_grow_and_stay(cluster: ClusterFixture) -> None:
    pod = printed(cluster, "timed-lines", "printf 'a\\nb\\nc'")
    lines = read(cluster, pod, timestamps=True).split("\n")
    times = [line.split(" ")[0] for line in lines]
    assert [line.split(" ")[1] for line in lines] == ["a", "b", "c"]
    assert times == sorted(set(times))
    assert all(len(time) == len("2026-01-01T00:00:00.000000000Z") for time in times)
    assert read(cluster, pod, timestamps=True).split("\n") == lines


def test_a_log_is_cut_in_lines_and_bytes(cluster: ClusterFixture) -> None:
    pod = printed(cluster, "cut-lines", "printf 'aa\\nbb\\ncc\\n'")
    assert read(cluster, pod, tail_lines=2, limit_bytes=4) == "bb\nc"
    assert read(cluster, pod, tail_lines=0) == ""
    assert read(cluster, pod, since_seconds=3600) == "aa\nbb\ncc\n"


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"limit_bytes": 0}, 422, "must be greater than 0"),
        ({"since_seconds": 0}, 422, "must be greater than 0"),
        ({"tail_lines": -1}, 422, "must be greater than or equal to 0"),
        ({"previous": True}, 400, "previous terminated container"),
        ({"container": "other"}, 400, "container other is not valid for pod"),
    ],
    ids=["no-bytes", "no-seconds", "negative-lines", "no-previous", "other-container"],
)
def test_wrong_options_are_refused(
    cluster: ClusterFixture, options: dict[str, Any], status: int, words: str
) -> None:
    if not cluster.pods("refused-options"):
        printed(cluster, "refused-options", "true")
    (pod,) = cluster.pods("refused-options")
    with pytest.raises(ApiException) as refused:
        read(cluster, pod["metadata"]["name"], **options)
    assert (refused.value.status, words in str(refused.value.body)) == (status, True)


def test_a_container_that_has_not_started_has_no_log_and_a_pod_that_is_gone_neither(
    cluster: ClusterFixture,
) -> None:
    held = {"local.cluster/pending": "ImagePullBackOff"}
    cluster.create(job("without-log", annotations=held))
    pod = cluster.until_pod("without-log", lambda pod: "containerStatuses" in pod["status"])
    name = pod["metadata"]["name"]
    with pytest.raises(ApiException) as waiting:
        read(cluster, name)
    assert waiting.value.status == 400
    assert "is waiting to start" in str(waiting.value.body)
    cluster.delete("without-log")
    cluster.until_no_pod("without-log")
    with pytest.raises(ApiException) as gone:
        read(cluster, name)
    assert gone.value.status == 404


def test_the_last_lines_are_chosen_before_those_since_a_time() -> None:
    times = [1 * SECOND, 2 * SECOND, 3 * SECOND]
    since_2 = rfc3339_nano(2 * SECOND)
    options = LogOptions(None, None, None, False)
    assert options.apply(b"a\nb\nc\n", times) == b"a\nb\nc\n"
    since = LogOptions(1, None, datetime.fromisoformat(since_2), True)
    assert since.apply(b"a\nb\nc\n", times) == b"1970-01-01T00:00:03.000000000Z c\n"
    assert LogOptions(None, None, since.since, False).apply(b"a\nb\nc\n", times) == b"b\nc\n"


def events_of(cluster: ClusterFixture, uid: str) -> list[tuple[str, str, str, int]]:
    listed = cluster.core.list_namespaced_event(
        "default", field_selector=f"involvedObject.uid={uid}"
    )
    return [(event.type, event.reason, event.message, event.count) for event in listed.items]


def test_events_say_what_happened_to_a_pod_and_its_job(cluster: ClusterFixture) -> None:
    name = printed(cluster, "eventful", "true")
    (pod,) = cluster.pods("eventful")
    assert {*events_of(cluster, pod["metadata"]["uid"])} == {
        ("Normal", "Scheduled", f"Successfully assigned default/{name} to local", 1),
        ("Normal", "Created", "Created container main", 1),
        ("Normal", "Started", "Started container main", 1),
    }
    uid = cluster.job("eventful")["metadata"]["uid"]
    counts = {(reason, count) for _, reason, _, count in events_of(cluster, uid)}
    assert counts == {("SuccessfulCreate", 1), ("Completed", 1)}


@pytest.mark.acceptance
def test_equal_events_are_counted(cluster: ClusterFixture) -> None:
    cluster.create(job("restarting", "exit 3", restart="OnFailure", backoffLimit=3))
    pod = cluster.until_pod("restarting", in_phase("Running"))
    cluster.until_job("restarting", has("Failed"))
    counts = {
        reason: (type_, count)
        for type_, reason, _, count in events_of(cluster, pod["metadata"]["uid"])
    }
    assert counts["BackOff"] == ("Warning", 3)
    assert counts["Started"] == ("Normal", 3)


def test_a_pod_that_does_not_fit_says_so(cluster: ClusterFixture) -> None:
    cluster.create(job("unfit", annotations={"local.cluster/pending": "Unschedulable"}))
    pod = cluster.until_pod("unfit", lambda pod: bool(pod["status"].get("conditions")))
    ((type_, reason, message, _),) = events_of(cluster, pod["metadata"]["uid"])
    assert (type_, reason) == ("Warning", "FailedScheduling")
    assert "nodes are available" in message
    cluster.delete("unfit")
