from datetime import timedelta
from pathlib import Path

import pytest

from local.functions_host.clock import EPOCH
from local.functions_host.durable.history import Type, event
from local.functions_host.durable.store import Activity, DurableStore, Message, TurnCommit
from local.functions_host.durable.work_item import new_instance, start_message

ONE = new_instance("one", "orchestrator", None, EPOCH)
WORK = Activity("one", ONE.execution, 0, "work", "1")


def begun(state: Path) -> DurableStore:
    store = DurableStore(state)
    store.start(ONE, start_message(ONE, EPOCH))
    return store


def test_a_work_item_is_stored_in_one_transaction(state: Path) -> None:
    store = begun(state)
    (message,) = store.inbox("one", EPOCH)
    scheduled = event(Type.TASK_SCHEDULED, EPOCH, 0, Name="work")
    unwritable = Message("one", ONE.execution, EPOCH, {"what": object()})
    with pytest.raises(TypeError):
        store.commit(TurnCommit(ONE, [message.id], [scheduled], [WORK], [unwritable]))
    store.close()
    store = DurableStore(state)
    assert store.inbox("one", EPOCH) == [message]
    assert store.history("one") == []
    assert store.activities() == []
    store.close()


def test_a_repeated_completion_of_an_activity_is_ignored(state: Path) -> None:
    store = begun(state)
    (message,) = store.inbox("one", EPOCH)
    store.commit(TurnCommit(ONE, [message.id], [message.event], [WORK]))
    end = Message("one", ONE.execution, EPOCH, event(Type.TASK_COMPLETED, EPOCH, TaskScheduledId=0))
    assert store.finish(WORK, end)
    assert not store.finish(WORK, end)
    assert [messages.event for messages in store.inbox("one", EPOCH)] == [end.event]
    store.close()


def test_messages_are_ordered_by_due_time(state: Path) -> None:
    store = DurableStore(state)
    for hours in (2, 1, 3):
        store.send(Message("one", None, EPOCH + timedelta(hours=hours), {"hours": hours}))
    assert store.ready(EPOCH) == []
    assert store.next_due(EPOCH) == EPOCH + timedelta(hours=1)
    messages = store.inbox("one", EPOCH + timedelta(hours=3))
    assert [message.event["hours"] for message in messages] == [1, 2, 3]
    store.close()
