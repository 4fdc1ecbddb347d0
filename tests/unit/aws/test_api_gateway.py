"""The poster against a peer on a real socket that misbehaves by a script."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials

from chalicelib.aws.api_gateway import LOGGED_CONNECTIONS, ApiGatewayPoster
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.metrics import Metric
from tests.support.fakes import FakeObserver

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "session-token")
DEADLINES = (0.5, 2.0, 8.0)
"""Seconds, which a hanging post takes. A busy machine may need longer than the first for all others."""


class Server(ThreadingHTTPServer):
    """A server that accepts many connections at the same time."""

    request_queue_size = 128
    daemon_threads = True


class FakeApi:
    """Answers the posts to each connection by its script: a status, `hang` or `cut`; 200 when it is used up."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[int | str]] = defaultdict(list)
        self.delivered: dict[str, list[bytes]] = defaultdict(list)
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.over = threading.Event()
        self.barrier: threading.Barrier | None = None
        """If there is one, every request waits for it."""
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                api.requests.append((self.command, self.path, dict(self.headers.items())))
                connection_id = unquote(self.path.rpartition("/")[2])
                script = api.scripts[connection_id]
                action = script.pop(0) if script else 200
                if api.barrier is not None:
                    api.barrier.wait()
                if action in ("hang", "cut"):
                    if action == "hang":
                        api.over.wait(20)
                    self.close_connection = True
                    return
                if action == 200:
                    api.delivered[connection_id].append(body)
                self.send_response(int(action))
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_DELETE = do_POST  # noqa: N815 — the name that http.server looks for

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/dev"


@pytest.fixture
def api() -> Iterator[FakeApi]:
    api = FakeApi()
    thread = threading.Thread(target=api.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield api
    api.over.set()
    api.server.shutdown()
    api.server.server_close()
    thread.join()


@pytest.fixture
def observer() -> FakeObserver:
    return FakeObserver()


@pytest.fixture
def poster(api: FakeApi, observer: FakeObserver) -> ApiGatewayPoster:
    return ApiGatewayPoster(api.url, "us-east-1", CREDENTIALS.get_frozen_credentials, SystemClock(), observer)


def after(seconds: float = 20.0) -> float:
    return time.monotonic() + seconds


# ---- posting -------------------------------------------------------------------------------------------


def test_every_connection_receives_its_frames_in_order(api: FakeApi, poster: ApiGatewayPoster) -> None:
    payloads = {f"{n}=": [b"first %d" % n, "zweiter grüß".encode(), b""] for n in range(40)}
    assert poster.post_all(payloads, after()) == []
    assert api.delivered == payloads


@pytest.mark.parametrize("payloads", [{}, {"a=": []}])
def test_nothing_is_requested_without_frames(
    api: FakeApi, poster: ApiGatewayPoster, payloads: dict[str, list[bytes]]
) -> None:
    assert poster.post_all(payloads, after()) == []
    assert api.requests == []


def test_connections_are_posted_to_in_parallel(api: FakeApi, poster: ApiGatewayPoster) -> None:
    # Every request waits until all have arrived: in sequence, none would ever be answered.
    api.barrier = threading.Barrier(30, timeout=10)
    assert poster.post_all({f"{n}=": [b"x"] for n in range(30)}, after(10)) == []
    assert len(api.delivered) == 30


def test_stale_connection_is_returned_and_receives_nothing_more(api: FakeApi, poster: ApiGatewayPoster) -> None:
    api.scripts["b="] = [410]
    assert poster.post_all({"a=": [b"1", b"2"], "b=": [b"1", b"2"], "c=": [b"1"]}, after()) == ["b="]
    assert api.delivered["a="] == [b"1", b"2"]
    assert api.delivered["b="] == []
    assert sum("b%3D" in path for _, path, _ in api.requests) == 1


@pytest.mark.parametrize("failures", [[429], [500], [503, 502], ["cut"], [429, "cut", 504]])
def test_transient_failures_are_retried(api: FakeApi, poster: ApiGatewayPoster, failures: list[int | str]) -> None:
    api.scripts["a="] = list(failures)
    assert poster.post_all({"a=": [b"1", b"2"]}, after()) == []
    assert api.delivered["a="] == [b"1", b"2"]


@pytest.mark.parametrize("status", [400, 403, 413])
def test_rejected_frame_is_dropped_and_the_next_one_is_posted(
    api: FakeApi, poster: ApiGatewayPoster, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    api.scripts["a="] = [status]
    assert poster.post_all({"a=": [b"secret", b"2"]}, after()) == []
    assert api.delivered["a="] == [b"2"]
    assert "secret" not in caplog.text
    (record,) = caplog.records
    assert record.__dict__["event"] == "posts_dropped"
    assert record.__dict__["fields"]["statuses"] == {str(status): 1}


@pytest.mark.parametrize("failure", ["hang", 429, 500, "cut"])
def test_persistent_failure_ends_at_the_deadline_and_affects_no_other_connection(
    api: FakeApi, poster: ApiGatewayPoster, failure: int | str
) -> None:
    api.scripts["bad="] = [failure] * 1_000
    others = {f"{n}=": [b"1"] for n in range(10)}
    for seconds in DEADLINES:
        api.delivered.clear()
        started = time.monotonic()
        assert poster.post_all({"bad=": [b"1"], **others}, after(seconds)) == []
        assert 0.8 * seconds < time.monotonic() - started < seconds + 5
        if api.delivered == others:
            return
    assert api.delivered == others


def test_unreachable_api_ends_at_the_deadline() -> None:
    credentials = CREDENTIALS.get_frozen_credentials
    poster = ApiGatewayPoster("http://127.0.0.1:9/dev", "us-east-1", credentials, SystemClock())
    assert poster.post_all({"a=": [b"1"]}, after(0.2)) == []
    poster.close("a=")


def test_closing_a_connection_is_a_delete(api: FakeApi, poster: ApiGatewayPoster) -> None:
    poster.close("a=")
    ((method, path, _),) = api.requests
    assert (method, path) == ("DELETE", "/dev/@connections/a%3D")


def test_failed_close_is_not_retried(api: FakeApi, poster: ApiGatewayPoster) -> None:
    api.scripts["a="] = [500]
    poster.close("a=")
    assert len(api.requests) == 1


def test_post_has_the_signature_of_the_sdk(api: FakeApi, poster: ApiGatewayPoster) -> None:
    sdk = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=api.url,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        aws_session_token=CREDENTIALS.token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    # A signature contains its second: only two of the same second can be compared.
    for _ in range(20):
        api.requests.clear()
        poster.post_all({"Xux7aeaAFiACHZQ=": [b"hello"]}, after())
        sdk.post_to_connection(ConnectionId="Xux7aeaAFiACHZQ=", Data=b"hello")
        (_, our_path, ours), (_, sdk_path, sdks) = api.requests
        if ours["X-Amz-Date"] == sdks["X-Amz-Date"]:
            break
    assert our_path == sdk_path
    assert ours["X-Amz-Security-Token"] == sdks["X-Amz-Security-Token"]
    assert ours["Authorization"] == sdks["Authorization"]


# ---- metrics and logs ----------------------------------------------------------------------------------


def test_delivered_frames_are_counted(poster: ApiGatewayPoster, observer: FakeObserver) -> None:
    poster.post_all({f"{n}=": [b"1", b"2"] for n in range(10)}, after())
    poster.post_all({"a=": [b"1"]}, after())
    assert observer.sums() == {Metric.POSTS_DELIVERED: 21}


def test_retries_and_throttling_are_counted(
    api: FakeApi, poster: ApiGatewayPoster, observer: FakeObserver
) -> None:
    api.scripts["a="] = [429, 500, "cut", 429, 200, 503]
    poster.post_all({"a=": [b"1", b"2"], "b=": [b"1"]}, after(20))
    assert observer.sums() == {Metric.POSTS_DELIVERED: 3, Metric.POSTS_RETRIED: 5, Metric.POSTS_THROTTLED: 2}


def test_stale_connection_is_counted_once_and_its_frames_are_not_dropped(
    api: FakeApi, poster: ApiGatewayPoster, observer: FakeObserver, caplog: pytest.LogCaptureFixture
) -> None:
    api.scripts["a="] = [200, 410]
    poster.post_all({"a=": [b"1", b"2", b"3"], "b=": [b"1"]}, after())
    assert observer.sums() == {Metric.POSTS_DELIVERED: 2, Metric.POSTS_GONE: 1}
    assert caplog.records == []


@pytest.mark.parametrize("others", [0, 7])
def test_frames_that_are_not_posted_by_the_deadline_are_dropped_and_logged_in_one_line(
    api: FakeApi,
    poster: ApiGatewayPoster,
    observer: FakeObserver,
    others: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for seconds in DEADLINES:
        observer.values.clear()
        caplog.clear()
        slow = f"slow-{seconds}="
        api.scripts[slow] = [200, "hang"]
        poster.post_all({slow: [b"1", b"2", b"3"], **{f"{n}=": [b"1"] for n in range(others)}}, after(seconds))
        if observer.sums()[Metric.POSTS_DROPPED] == 2:
            break
    assert observer.sums()[Metric.POSTS_DROPPED] == 2
    assert observer.sums()[Metric.POSTS_DELIVERED] == 1 + others
    (record,) = caplog.records
    assert record.__dict__["fields"] == {
        "frames": 2,
        "sockets": 1,
        "statuses": {"none": 1},
        "connection_ids": [slow],
    }


def test_log_line_names_only_some_of_many_connections(
    api: FakeApi, poster: ApiGatewayPoster, observer: FakeObserver, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(20):
        api.scripts[f"{n}="] = [403]
    poster.post_all({f"{n}=": [b"1"] for n in range(20)}, after())
    assert observer.sums() == {Metric.POSTS_DROPPED: 20}
    (record,) = caplog.records
    fields = record.__dict__["fields"]
    assert (fields["frames"], fields["sockets"], fields["statuses"]) == (20, 20, {"403": 20})
    assert len(fields["connection_ids"]) == LOGGED_CONNECTIONS
