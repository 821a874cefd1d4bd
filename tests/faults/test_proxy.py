"""The proxy: bytes pass as they are, and each fault does what it says, to whom it says."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.faults.faults import Fault, How, Request, Where
from tests.faults.proxy import Proxies

BODY = b"0123456789" * 20_000
Answer = tuple[int, bytes]


class Server:
    """An upstream that answers with what it was sent, and remembers."""

    def __init__(self, proxies: Proxies) -> None:
        self.done: list[str] = []
        heard = self.done

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"nothing"
                heard.append(self.path)
                if self.path == "/old":
                    self.protocol_version, self.close_connection = "HTTP/1.0", True
                self.send_response(200)
                with contextlib.suppress(OSError):
                    self._answer(body)

            do_GET = do_HEAD = do_POST

            def _answer(self, body: bytes) -> None:
                if self.path == "/chunked":
                    self.send_header("Transfer-Encoding", "chunked")
                    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
                elif self.path != "/old":
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_port}"
        self.address = proxies.through("table", lambda: url).removeprefix("http://")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, timeout=10)

    def ask(self, path: str = "/", method: str = "POST", body: bytes = BODY) -> Answer:
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    one = Proxies()
    yield one
    one.stop()


@pytest.fixture
def server(proxies: Proxies) -> Iterator[Server]:
    one = Server(proxies)
    yield one
    one.stop()


@pytest.mark.parametrize("path", ["/long", "/chunked", "/old"])
def test_what_is_sent_arrives_and_so_does_the_answer(server: Server, path: str) -> None:
    assert server.ask(path) == (200, BODY)
    assert server.ask(path, "HEAD", b"") == (200, b"")


def test_a_connection_serves_many_requests_and_all_are_numbered(
    server: Server, proxies: Proxies
) -> None:
    connection = server.connect()
    for path in ("/one", "/chunked", "/three"):
        connection.request("POST", path, BODY)
        assert connection.getresponse().read() == BODY
    connection.close()
    assert [(one.number, one.target) for one in proxies.requests] == [
        (1, "/one"),
        (2, "/chunked"),
        (3, "/three"),
    ]
    assert proxies.statuses == {1: 200, 2: 200, 3: 200}


def test_a_fault_meets_the_requests_that_it_names_and_says_which(
    server: Server, proxies: Proxies
) -> None:
    where = Where("table", "POST", "/mine", mentions="job-1")
    with proxies.fault(Fault(How.STATUS, where, nth=2, times=2, status=429)) as found:
        server.ask("/mine", body=b"job-2")
        server.ask("/other", body=b"job-1")
        statuses = [server.ask("/mine", body=b"of job-1")[0] for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    assert [one.number for one in found.met] == [4, 5]
    assert server.ask("/mine", body=b"job-1")[0] == 200
    assert server.done.count("/mine") == 4, "what meets a status never reaches the server"


def test_a_status_comes_with_its_headers_and_body(server: Server, proxies: Proxies) -> None:
    fault = Fault(How.STATUS, status=429, headers=(("Retry-After", "7"),), body=b"slow down")
    with proxies.fault(fault), contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        assert answer.read() == b"slow down"


def test_refused_means_that_nobody_listens(server: Server, proxies: Proxies) -> None:
    with proxies.fault(Fault(How.REFUSE, Where("table"))), pytest.raises(ConnectionRefusedError):
        server.ask()
    assert server.ask() == (200, BODY)


@pytest.mark.parametrize(("how", "done"), [(How.RESET_BEFORE, []), (How.RESET_AFTER, ["/"])])
def test_a_reset_comes_before_the_server_did_it_or_after(
    server: Server, proxies: Proxies, how: How, done: list[str]
) -> None:
    with proxies.fault(Fault(how)) as found, pytest.raises(ConnectionResetError):
        server.ask()
    assert server.done == done
    assert len(found.met) == 1


@pytest.mark.parametrize("path", ["/long", "/chunked"])
def test_a_truncated_answer_ends_too_early(server: Server, proxies: Proxies, path: str) -> None:
    with proxies.fault(Fault(How.TRUNCATE)), pytest.raises(http.client.IncompleteRead):
        server.ask(path)


def test_a_corrupt_answer_is_as_long_and_another(server: Server, proxies: Proxies) -> None:
    with proxies.fault(Fault(How.CORRUPT)):
        _, body = server.ask()
    half = len(BODY) // 2
    assert body == BODY[:half] + b"#" * half


@pytest.mark.parametrize(("how", "done"), [(How.HOLD, []), (How.HOLD_ANSWER, ["/"])])
def test_what_is_held_goes_on_when_it_is_told(
    server: Server, proxies: Proxies, how: How, done: list[str]
) -> None:
    with ThreadPoolExecutor() as pool, proxies.fault(Fault(how)) as found:
        asked = pool.submit(server.ask)
        found.until_met()
        assert not asked.done()
        assert [path for path in server.done if path not in done] == []
        found.release()
        assert asked.result(10) == (200, BODY)


def test_a_black_hole_says_nothing_until_it_is_told(server: Server, proxies: Proxies) -> None:
    with proxies.fault(Fault(How.BLACK_HOLE)), contextlib.closing(server.connect()) as connection:
        connection.timeout = 0.2
        connection.request("POST", "/", b"")
        with pytest.raises(TimeoutError):
            connection.getresponse()
    assert server.done == []


def test_the_same_seed_gives_the_same_chance(server: Server, proxies: Proxies) -> None:
    fault = Fault(How.STATUS, times=None, share=0.3, seed=5)
    with contextlib.closing(server.connect()) as connection:

        def statuses() -> list[int]:
            said = []
            with proxies.fault(fault):
                for _ in range(100):
                    connection.request("GET", "/")
                    with connection.getresponse() as answer:
                        answer.read()
                        said.append(answer.status)
            return said

        first = statuses()
        assert statuses() == first
    assert 15 < first.count(503) < 45


@pytest.mark.parametrize(("hook", "done"), [("before", []), ("after", ["/"])])
def test_a_hook_can_end_a_request_before_or_after_the_server_did_it(
    server: Server, proxies: Proxies, hook: str, done: list[str]
) -> None:
    told: list[Request] = []

    def ends(request: Request) -> bool:
        told.append(request)
        return True

    setattr(proxies, hook, ends)
    with pytest.raises(ConnectionResetError):
        server.ask()
    assert server.done == done
    assert [one.number for one in told] == [1]


def test_the_shape_of_a_request_is_the_same_for_every_job() -> None:
    job = "job-" + "0" * 32
    target = f"/devstoreaccount1/results/{job}/batch_000-{job}?comp=list&x=y"
    assert Request(1, "blob", "GET", target, b"").shape == (
        "blob GET /results/{job}/batch_000-{job} comp=list"
    )
    batch = b'--x\r\n{"event": "accepted", "ts": 1}'
    assert Request(2, "table", "POST", "/devstoreaccount1/$batch", batch).shape == (
        "table POST /$batch accepted"
    )
