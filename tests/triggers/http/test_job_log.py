"""The log of a job, opened with a ticket: server-sent events."""

import json
from dataclasses import dataclass
from typing import Any

from shared.clients.tables import Insert
from shared.contracts.job import Event
from shared.contracts.states import Phase
from shared.jobs import rows
from tests.support.samples import NOON, job
from tests.triggers.http.clients import ok, send_json, send_request, store_job
from tests.triggers.http.conftest import RunningApp
from triggers.views.job_log import MAX_LINES

ENTERED = dict.fromkeys((Phase.QUEUED, Phase.SUBMITTING, Phase.RUNNING), NOON)


@dataclass
class Log:
    """A response: its lines, the id of the last message that has one, and whether it is the end."""

    lines: list[dict[str, Any]]
    last_id: str
    is_end: bool

    @property
    def ids(self) -> list[str]:
        return [line["id"] for line in self.lines]


def ticket_for(app: RunningApp, job_id: str, **fields: Any) -> dict[str, Any]:
    sent = {"namespace": "default", "cluster_name": "local", **fields}
    return ok(send_json(app, "POST", f"blast/logs/{job_id}/ticket", sent))


def log_of(app: RunningApp, job_id: str, tail_lines: int | None = None, **headers: str) -> Log:
    ticket = ticket_for(app, job_id, tail_lines=tail_lines)["ticket"]
    answer = app.ask("GET", f"blast/logs/{job_id}/events?ticket={ticket}", None, **headers)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    messages = [
        dict(line.split(": ", 1) for line in part.split("\n"))
        for part in answer.data.decode().strip().split("\n\n")
    ]
    assert messages[0] == {"retry": "3000"}
    is_end = messages[-1] == {"event": "completed", "data": "{}"}
    logged = messages[1:-1] if is_end else messages[1:]
    assert all(message["event"] == "log" for message in logged)
    ids = [message["id"] for message in logged if "id" in message]
    assert len(ids) <= 1
    return Log([json.loads(message["data"]) for message in logged], "".join(ids), is_end)


def test_a_ticket_says_that_the_log_is_asked_for_again(running_app: RunningApp) -> None:
    ticket = ticket_for(running_app, running_app.submit())
    assert ticket.pop("ticket")
    assert ticket == {"ttl_seconds": 300, "streaming": False, "poll_after_seconds": 3}


async def test_the_log_is_opened_with_a_ticket_and_resumed(running_app: RunningApp) -> None:
    job_id = await store_job(running_app, Phase.QUEUED)
    await running_app.jobs.update(
        job_id, "retry_scheduled", {"error": "busy"}, phase=Phase.RETRYING
    )
    log = log_of(running_app, job_id)
    assert [(line["id"], line["line"]) for line in log.lines] == [
        ("1", "accepted"),
        ("2", "retry scheduled busy"),
    ]
    assert (log.last_id, log.is_end) == ("2", False)
    assert log_of(running_app, job_id, last_event_id="1").lines == log.lines[1:]
    assert log_of(running_app, job_id, last_event_id="2").lines == []


async def test_the_log_of_a_job_that_has_ended_ends(running_app: RunningApp) -> None:
    job_id = await store_job(running_app, Phase.CANCELLING)
    assert not log_of(running_app, job_id).is_end
    await running_app.jobs.update(job_id, "cancelled", phase=Phase.CANCELLED)
    assert log_of(running_app, job_id).is_end


async def test_a_cluster_that_is_away_is_a_line_of_the_log(running_app: RunningApp) -> None:
    """This app has no cluster."""
    job_id = await store_job(running_app, Phase.RUNNING, phase_entered_at=ENTERED)
    log = log_of(running_app, job_id)
    *_, notice = log.lines
    assert notice["source"] == "control_plane"
    assert "cannot be read, so lines of pods are missing: " in notice["line"]
    again = log_of(running_app, job_id, last_event_id=log.last_id)
    assert again.lines == []


async def test_a_search_on_another_cluster_says_so(running_app: RunningApp) -> None:
    job_id = await store_job(
        running_app, Phase.RUNNING, phase_entered_at=ENTERED, other_cluster="elsewhere"
    )
    *_, notice = log_of(running_app, job_id).lines
    assert "runs on the cluster elsewhere" in notice["line"]


async def test_the_log_has_the_newest_lines(running_app: RunningApp) -> None:
    sequence = 1100  # more than one query reads
    job_id = await store_job(running_app, Phase.RUNNING, sequence=sequence)
    earlier = [
        Insert(rows.event_row(Event(job_id, number, "progress", NOON, Phase.RUNNING, {})))
        for number in range(1, sequence)
    ]
    for first in range(0, len(earlier), 100):
        await running_app.jobs._jobs.commit(earlier[first : first + 100])

    def newest(tail_lines: int | None = None, **headers: str) -> tuple[str, int]:
        """The id of the notice, and the number of lines, of which the last one is the newest."""
        cut, *lines = log_of(running_app, job_id, tail_lines, **headers).lines
        assert "earlier lines are not shown" in cut["line"]
        last = int(lines[-1]["id"])  # the app's reconciler can add an event
        assert last >= sequence
        assert [line["id"] for line in lines] == [
            str(number) for number in range(last - len(lines) + 1, last + 1)
        ]
        return cut["id"], len(lines)

    cut_id, number = newest()
    assert number == MAX_LINES - 1
    assert newest(tail_lines=9999) == (cut_id, number)
    assert newest(tail_lines=2) == (cut_id, 2)
    later_id, number = newest(tail_lines=2, last_event_id="100")
    assert (later_id != cut_id, number) == (True, MAX_LINES - 1)
    assert log_of(running_app, job_id, 2, last_event_id="1090").ids[0] == "1091"
    status, _ = send_json(running_app, "POST", f"blast/logs/{job_id}/ticket", {"tail_lines": 0})
    assert status == 422


async def test_a_ticket_opens_one_log_of_its_owner(running_app: RunningApp) -> None:
    job_id = await store_job(running_app, Phase.RUNNING)
    other = await store_job(running_app, Phase.RUNNING)
    ticket = ok(send_json(running_app, "POST", f"blast/logs/{job_id}/ticket"))["ticket"]
    assert running_app.ask("GET", f"blast/logs/{other}/events?ticket={ticket}").status == 404
    assert running_app.ask("GET", f"blast/downloads?ticket={ticket}").status == 404
    assert running_app.ask("GET", f"blast/logs/{job_id}/events?ticket={ticket}x").status == 403
    assert running_app.ask("GET", f"blast/logs/{job_id}/events").status == 422
    await running_app.jobs.update(job_id, "cancelling", phase=Phase.CANCELLING)
    await running_app.jobs.update(job_id, "cancelled", phase=Phase.CANCELLED)
    await running_app.jobs.delete(job_id)
    assert running_app.ask("GET", f"blast/logs/{job_id}/events?ticket={ticket}").status == 404
    others = await running_app.jobs.create(job(), {})
    assert send_request(running_app, "POST", f"blast/logs/{others.job_id}/ticket").status == 404
