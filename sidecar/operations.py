"""Operations: commands that have a name, are started once, and outlive their caller."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sidecar.admission import Admission
from sidecar.answers import Refusal
from sidecar.bodies import Command
from sidecar.commands import CommandResult, Commands, RunningCommand
from sidecar.log import log_exception
from sidecar.output import CapturedOutput
from sidecar.records import OperationRecord, Records, StateLost

NO_COMMAND = "stopped"
"""In place of a command's digest: no command has it."""


class Operations:
    """Every operation of this sidecar; `now` tells the time, with its zone.

    An operation runs only while this process has it in hand: one whose record has no end
    and that is not in hand was interrupted, whether by a crash, a power cut or a full disk.
    """

    def __init__(
        self,
        records: Records,
        commands: Commands,
        admission: Admission,
        now: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._commands = commands
        self._admission = admission
        self._now = now
        self._in_hand: dict[str, tuple[RunningCommand, asyncio.Task[None]]] = {}
        self._lock = asyncio.Lock()

    async def put(self, operation: str, command: Command) -> dict[str, Any]:
        """Start the operation, or attach to it. The view of it, once its record is on disk.

        One whose record cannot be read is attached to: it was accepted, so it must not start again.
        Raises Refusal: 409 if the id belongs to another command, 429 or 503 if none may start
        now, 500 if this one cannot.
        """
        async with self._lock:
            seen = await self._look(operation)
            if seen is None:
                self._admission.enter()
                seen = await self._start(operation, command), "running"
            elif seen[0].digest not in (None, command.digest):
                raise Refusal(409, f"operation {operation} exists with another body")
        return await self._view(*seen)

    async def look(self, operation: str, wait: float = 0) -> dict[str, Any] | None:
        """The view of it, after at most `wait` seconds for its end. None: never seen."""
        if in_hand := self._in_hand.get(operation):
            await asyncio.wait({in_hand[1]}, timeout=wait)
        async with self._lock:
            seen = await self._look(operation)
        return await self._view(*seen) if seen else None

    async def stop(self, operation: str) -> dict[str, Any] | None:
        """End it if it runs, and see that it has ended; the view of it.

        None: never seen. It is from now on, so that a request which is still on its way, and comes
        after whoever stops it has been told that nothing runs, starts nothing.
        """
        if in_hand := self._in_hand.get(operation):
            in_hand[0].stop()
            await asyncio.wait({in_hand[1]})
        async with self._lock:
            seen = await self._look(operation)
            if seen is None:
                await self._record(OperationRecord(operation, NO_COMMAND, self._now()))
        return await self._view(*seen) if seen else None

    async def purge(self, retention: timedelta) -> None:
        """Forget what has not changed for longer than `retention`, unless it runs.

        What cannot be removed is logged, and does not keep the rest from being removed.
        """
        for operation in await asyncio.to_thread(self._records.older_than, self._now() - retention):
            async with self._lock:
                if operation not in self._in_hand:
                    await self._forget(operation)

    async def _forget(self, operation: str) -> None:
        try:
            await asyncio.to_thread(self._records.forget, operation)
        except OSError:
            log_exception("record_not_removed", operation=operation)

    async def close(self) -> None:
        """Wait for what the end of the commands leaves to do here."""
        await asyncio.gather(*(keeping for _, keeping in self._in_hand.values()))

    async def _look(self, operation: str) -> tuple[OperationRecord, str] | None:
        """The record and the state. Under the lock, for a start is a record first, then in hand.

        What is in hand is asked before the disk: it leaves the hand after its end is on disk.
        Raises Refusal 500 when the records are not the ones this process began with.
        """
        in_hand = operation in self._in_hand
        try:
            record = await asyncio.to_thread(self._records.find, operation)
        except StateLost as fault:
            raise Refusal(500, "exec failed", detail=f"state lost: {fault}") from fault
        if record is None and in_hand:
            raise Refusal(500, "exec failed", detail="state lost: the record is gone")
        if record is None:
            return None
        if record.finished_at:
            return record, "done"
        return record, "running" if in_hand else "interrupted"

    async def _view(self, record: OperationRecord, state: str) -> dict[str, Any]:
        """What a caller is told of an operation. A result that cannot be read is unknown."""
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

    async def _start(self, operation: str, command: Command) -> OperationRecord:
        """Record, then start: a crash in between leaves an interrupted operation, never two."""
        record = OperationRecord(operation, command.digest, self._now())
        heard = CapturedOutput()
        try:
            await self._record(record)
        except Refusal:
            self._admission.leave()
            raise
        try:
            running = self._commands.start(command, heard.take, operation)
        except Refusal:
            await asyncio.to_thread(self._records.forget, operation)
            raise
        keeping = asyncio.create_task(self._keep(record, running, heard))
        self._in_hand[operation] = running, keeping
        return record

    async def _record(self, record: OperationRecord) -> None:
        """Put a record on disk. Raises Refusal."""
        try:
            await asyncio.to_thread(self._records.save, record)
        except OSError as fault:
            raise Refusal(500, "exec failed", detail=f"not recorded: {fault.strerror}") from fault

    async def _keep(
        self, record: OperationRecord, running: RunningCommand, heard: CapturedOutput
    ) -> None:
        """Put the end of the operation on disk, unless it was brought about by our own end."""
        ended = await running.task
        try:
            if not (self._commands.closing and running.was_stopped):
                await asyncio.to_thread(self._finish, record, ended, heard)
        except OSError:
            log_exception("result_not_kept", operation=record.id)
        finally:
            del self._in_hand[record.id]

    def _finish(self, record: OperationRecord, ended: CommandResult, heard: CapturedOutput) -> None:
        result = {**ended.facts(), **heard.facts(ended.cut)}
        self._records.finish(record, self._now(), result)
