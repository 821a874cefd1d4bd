"""blastctl: its exit codes, and what it prints on a terminal and in a pipe."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from elastic_blast_client import Client, Job, blastctl
from elastic_blast_client.output import Progress

from tests.clients.test_client import JOB_ID, RESET, Answer, Server, ok, refused, view

PACKAGE = Path(__file__).parents[2] / "clients/python"


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def run(*argv: str, answers: list[Answer] | None = None) -> tuple[int, Server]:
    server = Server(answers or [ok(view())])
    transport = httpx.MockTransport(server)
    client = Client("http://x", transport=transport, sleep=lambda seconds: None)
    return blastctl.main(argv, client), server


@pytest.mark.parametrize(("status", "code"), [("completed", 0), ("failed", 3), ("cancelled", 4)])
def test_the_exit_code_of_a_wait_is_the_end(
    status: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[Answer] = [ok(view("running", splits_done=1, splits_total=4))]
    answers.append(ok(view(status, error="BLAST engine error")))
    assert run("wait", JOB_ID, answers=answers)[0] == code
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [line["status"] for line in lines] == ["running", status]
    assert (lines[0]["done"], lines[0]["total"]) == (1, 4)
    assert ("BLAST engine error" in printed.err) is (status != "completed")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (refused(503, "storage_unavailable"), 75, "why storage_unavailable"),
        (refused(429, "too_many_active"), 75, "why too_many_active"),
        (RESET, 75, "cannot be reached"),
        (refused(404, "not_found"), 2, "why not_found"),
        (
            refused(422, "validation_error", [{"loc": ["evalue"], "msg": "must be a number"}]),
            *(2, "evalue: must be a number"),
        ),
    ],
    ids=["unavailable", "too-many", "unreachable", "not-found", "invalid"],
)
def test_a_refusal_is_reported_with_its_exit_code(
    answer: Answer, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("show", JOB_ID, answers=[answer])[0] == code
    assert words in capsys.readouterr().err


def test_submit_prints_the_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "q.fa").write_text(">q\nACGT\n")
    warned = view("queued", meta={"warnings": ["x is an unknown field"]})
    argv = ("submit", "blastn", "db", str(tmp_path / "q.fa"), "-o", "evalue=1e-9", "--key", "k")
    code, server = run(*argv, "-o", "word_size=11", answers=[ok(warned, 202)])
    printed = capsys.readouterr()
    assert (code, printed.out) == (0, f"{JOB_ID}\n")
    assert "x is an unknown field" in printed.err
    body: dict[str, Any] = json.loads(server.requests[0].content)
    assert (body["evalue"], body["word_size"]) == ("1e-9", 11)
    assert server.requests[0].headers["Idempotency-Key"] == "k"


def test_a_missing_query_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("submit", "blastn", "db", "/no/such/file")[0] == 2
    assert "/no/such/file" in capsys.readouterr().err


def test_fetch_of_a_search_without_results_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[Answer] = [ok({"job_id": JOB_ID, "files": []}), ok(view("running"))]
    assert run("fetch", JOB_ID, answers=answers)[0] == 2
    assert "its status is running" in capsys.readouterr().err


def test_fetch_takes_no_file_of_another_search_for_its_own(tmp_path: Path) -> None:
    """The files of two searches have the same name and size."""
    sent = []

    def server(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        job_id = request.url.path.split("/")[4]
        if request.url.path.endswith("/results"):
            file = {"file_id": "1", "name": "batch_000.out.gz", "size": 5}
            return httpx.Response(200, json={"job_id": job_id, "files": [file]})
        return httpx.Response(200, content=job_id.encode(), headers={"ETag": f'"{job_id}"'})

    for job_id, requests in (("job-1", 3), ("job-1", 1), ("job-2", 3)):
        sent.clear()
        client = Client("http://x", transport=httpx.MockTransport(server))
        assert blastctl.main(("fetch", job_id, "--output", str(tmp_path)), client) == 0
        assert (tmp_path / "batch_000.out.gz").read_text() == job_id
        assert len(sent) == requests, "what is there is not fetched again"


@pytest.mark.parametrize("argv", [("fetch", JOB_ID, "-o", "max_evalue=1"), ("submit", "blastn")])
def test_wrong_arguments_are_refused(argv: tuple[str, ...]) -> None:
    try:
        code = run(*argv)[0]
    except SystemExit as error:  # by argparse
        code = int(str(error.code))
    assert code == 2


def test_lists_are_json_lines_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", answers=[ok({"jobs": [view(), view()]})])[0] == 0
    assert [json.loads(line)["job_id"] for line in capsys.readouterr().out.splitlines()] == [
        JOB_ID
    ] * 2
    assert run("list", "--ids", answers=[ok({"jobs": [view()]})])[0] == 0
    assert capsys.readouterr().out == f"{JOB_ID}\n"


def test_a_terminal_has_one_line_with_a_bar() -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        for done in (1, 2):
            raw = view("running", splits_done=done, splits_total=4, reason="it waits for capacity")
            progress.show(Job.of(raw))
    assert stream.getvalue().count("\n") == 1
    assert "[###############...............] 2 of 4 batches running: it waits" in stream.getvalue()


class Screen(Terminal):
    """A terminal as a person sees it: the lines, after what was erased."""

    @property
    def lines(self) -> list[str]:
        return [line.rpartition("\r\x1b[K")[2] for line in self.getvalue().split("\n")]


def test_a_server_that_is_away_is_reported_once_above_the_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    running = view("running", splits_done=1, splits_total=4)
    unchanged = httpx.Response(304)
    answers: list[Answer] = [ok(running), RESET, RESET, unchanged, RESET, ok(view())]
    assert run("wait", JOB_ID, answers=answers)[0] == 0
    away = "blastctl: the server cannot be reached: reset: trying again"
    assert screen.lines == [away, away, f"[{'#' * 30}] completed", ""]


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (refused(404, "not_found"), 2, "why not_found"),
        (KeyboardInterrupt(), 130, "the search goes"),
    ],
    ids=["deleted", "interrupted"],
)
def test_an_error_in_the_middle_of_a_wait_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, answer: Any, code: int, words: str
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    running = view("running", splits_done=1, splits_total=4)
    assert run("wait", JOB_ID, answers=[ok(running), answer])[0] == code
    bar, *said = [line for line in screen.lines if line]
    assert "1 of 4 batches running" in bar and "blastctl" not in bar
    assert len(said) == 1 and words in said[0]


def test_a_retry_is_reported_in_a_pipe_too(capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[Answer] = [refused(503, "storage_unavailable"), RESET, ok({"jobs": []})]
    assert run("list", answers=answers)[0] == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "blastctl: why storage_unavailable: trying again\n")


def test_a_reader_that_has_enough_is_no_error() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "elastic_blast_client.blastctl", "completion"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, cwd=PACKAGE, timeout=60)
    os.close(writes)
    assert (done.returncode, done.stderr) == (blastctl.BROKEN_PIPE, b"")
