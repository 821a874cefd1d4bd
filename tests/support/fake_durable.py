"""A fake DurableClient with instances in memory and failures on demand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure.durable_functions import OrchestrationRuntimeStatus as Runtime


@dataclass(frozen=True)
class Instance:
    """An orchestration, with the fields of the SDK's DurableOrchestrationStatus."""

    runtime_status: Any
    last_updated_time: datetime
    input_: Any = None
    name: str = ""
    output: Any = None


@dataclass
class FakeDurable:
    """Like the SDK's client, returns a falsy status for a missing instance, and raises plain
    Exceptions."""

    now: Callable[[], datetime]
    instances: dict[str, Instance] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """All calls, such as `get_status job-1`."""
    events: list[tuple[str, str]] = field(default_factory=list)
    """Instance id and name of each raised event."""
    refuses: set[str] = field(default_factory=set)
    """Calls that fail, such as `get_status job-1`, or `start_new` for every instance."""

    def add_running(self, instance_id: str, moved_at: datetime | None = None) -> None:
        """Add a running instance."""
        self.instances[instance_id] = Instance(Runtime.Running, moved_at or self.now())

    def ends(self, instance_id: str, status: str, output: Any = None) -> None:
        """Add an ended instance with this status and output."""
        self.instances[instance_id] = Instance(Runtime(status), self.now(), output=output)

    def called(self, name: str) -> int:
        return sum(call.startswith(name) for call in self.calls)

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str:
        self._record_call("start_new", instance_id)
        known = self.instances.get(instance_id)
        if known and known.runtime_status in (Runtime.Running, Runtime.Pending):
            raise Exception(f"an instance with the id {instance_id} exists")
        self.instances[instance_id] = Instance(Runtime.Pending, self.now(), client_input, name)
        return instance_id

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any) -> None:
        self._record_call("raise_event", instance_id)
        self.events.append((instance_id, event_name))

    async def get_status(self, instance_id: str) -> Any:
        self._record_call("get_status", instance_id)
        return self.instances.get(instance_id)

    async def purge_instance_history(self, instance_id: str) -> Any:
        self._record_call("purge", instance_id)
        self.instances.pop(instance_id, None)

    def _record_call(self, operation: str, instance_id: str) -> None:
        call = f"{operation} {instance_id}"
        self.calls.append(call)
        if self.refuses & {operation, call}:
            raise Exception("the extension answered 500")
