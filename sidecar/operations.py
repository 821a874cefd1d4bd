"""Operations: named commands that are started once and outlive the request that started them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sidecar.admission import Admission
from sidecar.command_runner import CommandResult, CommandRunner, RunningCommand
from sidecar.exec_request import ExecCommand
from sidecar.log import log_exception
from sidecar.output import CapturedOutput
from sidecar.records import OperationRecord, Records, StateLost
from sidecar.responses import Refusal

NO_COMMAND = "stopped"
"""Digest of an operation that was stopped before it was seen; no command has this digest."""


@dataclass(frozen=True)
class KnownOperation:
    """An operation as it is: its record, and `running`, `done` or `interrupted`."""

    record: OperationRecord
    state: str


@dataclass(frozen=True)
class RunningOperation:
    """The command of a running operation, and the task that records its end."""

    command: RunningCommand
    end: asyncio.Task[None]


class Operations:
    """All operations of this sidecar. `now` returns the current time with its zone.

    An operation runs only while it is in `_running`. One whose record has no end and that is not
    in `_running` was interrupted, by a crash, a power cut or a full disk.
    """

    def __init__(
        self,
        records: Records,
        commands: CommandRunner,
        admission: Admission,
        now: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._commands = commands
        self._admission = admission
        self._now = now
        self._running: dict[str, RunningOperation] = {}
        self._lock = asyncio.Lock()

    async def put(self, operation_id: str, command: ExecCommand) -> dict[str, Any]:
        """Start the operation, or attach to it; return its view once its record is on disk.

        Attaches to an unreadable record: the operation was accepted, so it must not start again.
        Raises Refusal 409 if the id belongs to another command, 429 or 503 if no command may start
        now, 500 if this one cannot start.
        """
        async with self._lock:
            operation = await self._look(operation_id)
            if operation is None:
                self._admission.enter()
                operation = KnownOperation(await self._start(operation_id, command), "running")
            elif operation.record.digest not in (None, command.digest):
                raise Refusal(409, f"operation {operation_id} exists with another body")
        return await self._view(operation)

    async def look(self, operation_id: str, wait: float = 0) -> dict[str, Any] | None:
        """The operation's view, after at most `wait` seconds for its end. None if never seen."""
        if running := self._running.get(operation_id):
            await asyncio.wait({running.end}, timeout=wait)
        async with self._lock:
            operation = await self._look(operation_id)
        return await self._view(operation) if operation else None

    async def stop(self, operation_id: str) -> dict[str, Any] | None:
        """End the operation if it runs, wait for its end, and return its view.

        None if never seen. Then the id is recorded as stopped, so that a delayed PUT that arrives
        after this response starts nothing.
        """
        if running := self._running.get(operation_id):
            running.command.stop()
            await asyncio.wait({running.end})
        async with self._lock:
            operation = await self._look(operation_id)
            if operation is None:
                await self._record(OperationRecord(operation_id, NO_COMMAND, self._now()))
        return await self._view(operation) if operation else None

    async def purge(self, retention: timedelta) -> None:
        """Remove operations unchanged for longer than `retention`, except running ones.

        Logs what cannot be removed and continues with the rest.
        """
        before = self._now() - retention
        for operation_id in await asyncio.to_thread(self._records.older_than, before):
            async with self._lock:
                if operation_id not in self._running:
                    await self._forget(operation_id)

    async def _forget(self, operation_id: str) -> None:
        try:
            await asyncio.to_thread(self._records.forget, operation_id)
        except OSError:
            log_exception("record_not_removed", operation=operation_id)

    async def close(self) -> None:
        """Wait until the ends of all commands are recorded."""
        await asyncio.gather(*(running.end for running in self._running.values()))

    async def _look(self, operation_id: str) -> KnownOperation | None:
        """The operation, or None if it was never seen. Call it under the lock.

        The lock is needed because `_start` writes the record before it adds to `_running`.
        Checks `_running` before the disk: an operation leaves `_running` after its end is on disk.
        Raises Refusal 500 when the folder's records are not those that this process opened.
        """
        is_running = operation_id in self._running
        try:
            record = await asyncio.to_thread(self._records.find, operation_id)
        except StateLost as error:
            raise Refusal(500, "exec failed", detail=f"state lost: {error}") from error
        if record is None and is_running:
            raise Refusal(500, "exec failed", detail="state lost: the record is gone")
        if record is None:
            return None
        if record.finished_at:
            return KnownOperation(record, "done")
        return KnownOperation(record, "running" if is_running else "interrupted")

    async def _view(self, operation: KnownOperation) -> dict[str, Any]:
        """The JSON of an operation. With an unreadable result, the state is interrupted."""
        record, state = operation.record, operation.state
        finished_at, result = record.finished_at, None
        if finished_at:
            result = await asyncio.to_thread(self._records.result, record.id)
            state = "done" if result else "interrupted"
        return {
            "id": record.id,
            "state": state,
            "started_at": record.started_at.isoformat(),
            "finished_at": finished_at.isoformat() if finished_at and result else None,
            "result": result,
        }

    async def _start(self, operation_id: str, command: ExecCommand) -> OperationRecord:
        """Record, then start: a crash in between leaves an interrupted operation, never two."""
        record = OperationRecord(operation_id, command.digest, self._now())
        output = CapturedOutput()
        try:
            await self._record(record)
        except Refusal:
            self._admission.leave()
            raise
        try:
            running = self._commands.start(command, output.take, operation_id)
        except Refusal:
            await asyncio.to_thread(self._records.forget, operation_id)
            raise
        end_task = asyncio.create_task(self._record_end(record, running, output))
        self._running[operation_id] = RunningOperation(running, end_task)
        return record

    async def _record(self, record: OperationRecord) -> None:
        """Write a record to disk. Raises Refusal."""
        try:
            await asyncio.to_thread(self._records.save, record)
        except OSError as error:
            raise Refusal(500, "exec failed", detail=f"not recorded: {error.strerror}") from error

    async def _record_end(
        self, record: OperationRecord, running: RunningCommand, output: CapturedOutput
    ) -> None:
        """Record the operation's end, unless the shutdown of this server caused it."""
        result = await running.task
        try:
            if not (self._commands.closing and running.was_stopped):
                await asyncio.to_thread(self._finish, record, result, output)
        except OSError:
            log_exception("result_not_kept", operation=record.id)
        finally:
            del self._running[record.id]

    def _finish(
        self, record: OperationRecord, result: CommandResult, output: CapturedOutput
    ) -> None:
        fields = {**result.facts(), **output.facts(result.cut)}
        self._records.finish(record, self._now(), fields)
