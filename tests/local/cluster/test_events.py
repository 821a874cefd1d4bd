"""Events end after an hour, and survive a restart of the cluster's process."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.cluster.events import MAX_EVENTS, NORMAL, EventRecorder
from local.cluster.resources import EVENTS, PODS
from local.cluster.store import Store, StoredObject


class Clock:
    now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pod_in(store: Store, name: str = "a") -> StoredObject:
    return store.add(PODS, {"metadata": {"name": name, "namespace": "default"}})


def reasons(store: Store) -> list[str]:
    return sorted(record.obj["reason"] for record in store.every(EVENTS))


def test_events_end_after_an_hour(tmp_path: Path, clock: Clock) -> None:
    store = Store(tmp_path / "objects", clock)
    recorder, pod = EventRecorder(store, clock), pod_in(store)
    recorder.record(PODS, pod, NORMAL, "First", "happened once")
    clock.now += timedelta(minutes=59)
    recorder.record(PODS, pod, NORMAL, "Second", "happened once")
    assert reasons(store) == ["First", "Second"]
    clock.now += timedelta(minutes=2)
    recorder.record(PODS, pod, NORMAL, "First", "happened once")
    assert [record.obj["count"] for record in store.every(EVENTS)] == [1, 1]
    store.close()


def test_the_oldest_events_go_first(tmp_path: Path, clock: Clock) -> None:
    store = Store(tmp_path / "objects", clock)
    recorder, pod = EventRecorder(store, clock), pod_in(store)
    for number in range(MAX_EVENTS + 2):
        recorder.record(PODS, pod, NORMAL, f"R{number}", "")
    assert len(store.every(EVENTS)) == MAX_EVENTS
    assert "R0" not in reasons(store)
    store.close()


def test_events_of_an_earlier_process_are_counted_on(tmp_path: Path, clock: Clock) -> None:
    store = Store(tmp_path / "objects", clock)
    pod = pod_in(store)
    for _ in range(2):
        EventRecorder(store, clock).record(PODS, pod, NORMAL, "Again", "the same")
    assert [record.obj["count"] for record in store.every(EVENTS)] == [2]
    store.close()
