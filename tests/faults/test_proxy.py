"""The proxies forward bytes unchanged, and apply each fault to the selected requests."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.faults.faults import Fault, FaultKind, Request, RequestFilter
from tests.faults.proxy import Proxies

BODY = b"0123456789" * 20_000
StatusAndBody = tuple[int, bytes]


class Server:
    """An upstream server that echoes and records requests."""

    def __init__(self, proxies: Proxies) -> None:
        self.done: list[str] = []
        done = self.done

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"nothing"
                done.append(self.path)
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
        self.address = proxies.add_proxy("table", lambda: url).removeprefix("http://")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, timeout=10)

    def request(self, path: str = "/", method: str = "POST", body: bytes = BODY) -> StatusAndBody:
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(proxies: Proxies) -> Iterator[Server]:
    server = Server(proxies)
    yield server
    server.stop()


@pytest.mark.parametrize("path", ["/long", "/chunked", "/old"])
def test_requests_and_responses_are_forwarded_unchanged(server: Server, path: str) -> None:
    assert server.request(path) == (200, BODY)
    assert server.request(path, "HEAD", b"") == (200, b"")


def test_a_connection_serves_many_requests_and_all_are_numbered(
    server: Server, proxies: Proxies
) -> None:
    connection = server.connect()
    for path in ("/one", "/chunked", "/three"):
        connection.request("POST", path, BODY)
        assert connection.getresponse().read() == BODY
    connection.close()
    assert [(request.number, request.target) for request in proxies.requests] == [
        (1, "/one"),
        (2, "/chunked"),
        (3, "/three"),
    ]
    assert proxies.statuses == {1: 200, 2: 200, 3: 200}


def test_a_fault_applies_to_the_selected_requests(server: Server, proxies: Proxies) -> None:
    where = RequestFilter("table", "POST", "/mine", mentions="job-1")
    with proxies.fault(Fault(FaultKind.STATUS, where, nth=2, times=2, status=429)) as active:
        server.request("/mine", body=b"job-2")
        server.request("/other", body=b"job-1")
        statuses = [server.request("/mine", body=b"of job-1")[0] for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    assert [request.number for request in active.met] == [4, 5]
    assert server.request("/mine", body=b"job-1")[0] == 200
    assert server.done.count("/mine") == 4, "faulted requests do not reach the server"


def test_a_status_fault_has_headers_and_body(server: Server, proxies: Proxies) -> None:
    fault = Fault(FaultKind.STATUS, status=429, headers=(("Retry-After", "7"),), body=b"slow down")
    with proxies.fault(fault), contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        assert answer.read() == b"slow down"


def test_a_refuse_fault_closes_the_port(server: Server, proxies: Proxies) -> None:
    with (
        proxies.fault(Fault(FaultKind.REFUSE, RequestFilter("table"))),
        pytest.raises(ConnectionRefusedError),
    ):
        server.request()
    assert server.request() == (200, BODY)


@pytest.mark.parametrize(
    ("kind", "done"), [(FaultKind.RESET_BEFORE, []), (FaultKind.RESET_AFTER, ["/"])]
)
def test_a_reset_happens_before_or_after_the_server_handles_the_request(
    server: Server, proxies: Proxies, kind: FaultKind, done: list[str]
) -> None:
    with proxies.fault(Fault(kind)) as active, pytest.raises(ConnectionResetError):
        server.request()
    assert server.done == done
    assert len(active.met) == 1


@pytest.mark.parametrize("path", ["/long", "/chunked"])
def test_a_truncated_response_is_incomplete(server: Server, proxies: Proxies, path: str) -> None:
    with proxies.fault(Fault(FaultKind.TRUNCATE)), pytest.raises(http.client.IncompleteRead):
        server.request(path)


def test_a_corrupted_response_keeps_its_length(server: Server, proxies: Proxies) -> None:
    with proxies.fault(Fault(FaultKind.CORRUPT)):
        _, body = server.request()
    half = len(BODY) // 2
    assert body == BODY[:half] + b"#" * half


@pytest.mark.parametrize(("kind", "done"), [(FaultKind.HOLD, []), (FaultKind.HOLD_ANSWER, ["/"])])
def test_a_held_request_continues_at_release(
    server: Server, proxies: Proxies, kind: FaultKind, done: list[str]
) -> None:
    with ThreadPoolExecutor() as pool, proxies.fault(Fault(kind)) as active:
        response = pool.submit(server.request)
        active.until_met()
        assert not response.done()
        assert [path for path in server.done if path not in done] == []
        active.release()
        assert response.result(10) == (200, BODY)


def test_a_black_hole_never_responds(server: Server, proxies: Proxies) -> None:
    with (
        proxies.fault(Fault(FaultKind.BLACK_HOLE)),
        contextlib.closing(server.connect()) as connection,
    ):
        connection.timeout = 0.2
        connection.request("POST", "/", b"")
        with pytest.raises(TimeoutError):
            connection.getresponse()
    assert server.done == []


def test_the_same_seed_gives_the_same_chance(server: Server, proxies: Proxies) -> None:
    fault = Fault(FaultKind.STATUS, times=None, share=0.3, seed=5)
    with contextlib.closing(server.connect()) as connection:

        def statuses() -> list[int]:
            results = []
            with proxies.fault(fault):
                for _ in range(100):
                    connection.request("GET", "/")
                    with connection.getresponse() as answer:
                        answer.read()
                        results.append(answer.status)
            return results

        first = statuses()
        assert statuses() == first
    assert 15 < first.count(503) < 45


@pytest.mark.parametrize(("hook", "done"), [("before", []), ("after", ["/"])])
def test_a_hook_can_reset_a_request_before_or_after_the_server(
    server: Server, proxies: Proxies, hook: str, done: list[str]
) -> None:
    hooked: list[Request] = []

    def reset(request: Request) -> bool:
        hooked.append(request)
        return True

    setattr(proxies, hook, reset)
    with pytest.raises(ConnectionResetError):
        server.request()
    assert server.done == done
    assert [request.number for request in hooked] == [1]


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
