"""The poster against a peer on a real socket that misbehaves by a script."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.metrics import Metric

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "session-token")


class Server(ThreadingHTTPServer):
    """One that takes many connections at the same moment."""

    request_queue_size = 128
    daemon_threads = True


class Peer:
    """Answers each socket's posts by its script: statuses, `hang`, `cut`, `late`; 200 when it is used up."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[int | str]] = defaultdict(list)
        self.delivered: dict[str, list[bytes]] = defaultdict(list)
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.over = threading.Event()
        self.meeting: threading.Barrier | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.command, self.path, dict(self.headers.items())))
                connection_id = unquote(self.path.rpartition("/")[2])
                script = outer.scripts[connection_id]
                action = script.pop(0) if script else 200
                if outer.meeting is not None:
                    outer.meeting.wait()
                if action == "hang":
                    outer.over.wait(20)
                    self.close_connection = True
                    return
                if action == "cut":
                    self.close_connection = True
                    return
                if action == 200:
                    outer.delivered[connection_id].append(body)
                self.send_response(int(action))
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_DELETE = do_POST  # noqa: N815 — the name that http.server looks for

            def log_message(self, *_: Any) -> None:
                """Be silent."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/dev"


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    thread = threading.Thread(target=peer.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield peer
    peer.over.set()
    peer.server.shutdown()
    peer.server.server_close()
    thread.join()


class Told(Counter[Metric]):
    """An `Observer` that adds up."""

    def count(self, metric: Metric, value: float = 1) -> None:
        self[metric] += int(value)

    def bind(self, *, conversation_id: str | None = None, participant_id: str | None = None) -> None:
        raise AssertionError("a poster knows of nobody")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def poster(peer: Peer, told: Told) -> ApiGatewayPoster:
    return ApiGatewayPoster(peer.url, "us-east-1", CREDENTIALS.get_frozen_credentials, SystemClock(), told)


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_every_socket_gets_its_frames_in_order(peer: Peer, poster: ApiGatewayPoster) -> None:
    mail = {f"{n}=": [b"first %d" % n, "zweiter grüß".encode(), b""] for n in range(40)}
    assert poster.post_all(mail, soon()) == []
    assert peer.delivered == mail


def test_nothing_to_do_is_no_work(peer: Peer, poster: ApiGatewayPoster) -> None:
    assert poster.post_all({}, soon()) == []
    assert peer.requests == []


def test_sockets_are_posted_to_at_the_same_time(peer: Peer, poster: ApiGatewayPoster) -> None:
    # Every request waits until all have arrived: one after the other, none would ever be answered.
    peer.meeting = threading.Barrier(30, timeout=10)
    assert poster.post_all({f"{n}=": [b"x"] for n in range(30)}, soon(10)) == []
    assert len(peer.delivered) == 30


def test_who_answers_410_is_gone_and_gets_nothing_more(peer: Peer, poster: ApiGatewayPoster) -> None:
    peer.scripts["b="] = [410]
    assert poster.post_all({"a=": [b"1", b"2"], "b=": [b"1", b"2"], "c=": [b"1"]}, soon()) == ["b="]
    assert peer.delivered["a="] == [b"1", b"2"]
    assert peer.delivered["b="] == []
    assert sum("b%3D" in path for _, path, _ in peer.requests) == 1


@pytest.mark.parametrize("trouble", [[429], [500], [503, 502], ["cut"], [429, "cut", 504]])
def test_what_passes_is_tried_again(peer: Peer, poster: ApiGatewayPoster, trouble: list[int | str]) -> None:
    peer.scripts["a="] = list(trouble)
    assert poster.post_all({"a=": [b"1", b"2"]}, soon()) == []
    assert peer.delivered["a="] == [b"1", b"2"]


@pytest.mark.parametrize("status", [400, 403, 413])
def test_what_does_not_pass_is_dropped_and_the_next_frame_goes_out(
    peer: Peer, poster: ApiGatewayPoster, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    peer.scripts["a="] = [status]
    assert poster.post_all({"a=": [b"secret", b"2"]}, soon()) == []
    assert peer.delivered["a="] == [b"2"]
    assert "secret" not in caplog.text
    (record,) = caplog.records
    assert record.__dict__["event"] == "posts_dropped"
    assert record.__dict__["fields"]["statuses"] == {str(status): 1}


@pytest.mark.parametrize("trouble", ["hang", 429, 500, "cut"])
def test_trouble_without_end_ends_at_the_deadline_and_harms_nobody(
    peer: Peer, poster: ApiGatewayPoster, trouble: int | str
) -> None:
    peer.scripts["bad="] = [trouble] * 1_000
    mail = {"bad=": [b"1"], **{f"{n}=": [b"1"] for n in range(10)}}
    started = time.monotonic()
    assert poster.post_all(mail, soon(0.5)) == []
    assert 0.4 < time.monotonic() - started < 5
    assert {each: peer.delivered[each] for each in mail if each != "bad="} == {
        each: [b"1"] for each in mail if each != "bad="
    }


def test_a_peer_that_is_not_there_ends_at_the_deadline() -> None:
    poster = ApiGatewayPoster(
        "http://127.0.0.1:9/dev", "us-east-1", CREDENTIALS.get_frozen_credentials, SystemClock()
    )
    assert poster.post_all({"a=": [b"1"]}, soon(0.2)) == []
    poster.close("a=")


# ---- what it tells -------------------------------------------------------------------------------------


def test_posts_that_get_through_are_counted(poster: ApiGatewayPoster, told: Told) -> None:
    poster.post_all({f"{n}=": [b"1", b"2"] for n in range(10)}, soon())
    poster.post_all({"a=": [b"1"]}, soon())
    assert +told == {Metric.POSTS_DELIVERED: 21}


def test_repeats_and_what_they_were_for_are_counted(peer: Peer, poster: ApiGatewayPoster, told: Told) -> None:
    peer.scripts["a="] = [429, 500, "cut", 429, 200, 503]
    poster.post_all({"a=": [b"1", b"2"], "b=": [b"1"]}, soon(20))
    assert +told == {Metric.POSTS_DELIVERED: 3, Metric.POSTS_RETRIED: 5, Metric.POSTS_THROTTLED: 2}


def test_who_is_gone_is_counted_as_a_socket_and_misses_nothing(
    peer: Peer, poster: ApiGatewayPoster, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    peer.scripts["a="] = [200, 410]
    poster.post_all({"a=": [b"1", b"2", b"3"], "b=": [b"1"]}, soon())
    assert +told == {Metric.POSTS_DELIVERED: 2, Metric.POSTS_GONE: 1}
    assert caplog.records == []


@pytest.mark.parametrize("others", [0, 7])
def test_what_is_not_taken_until_the_deadline_is_dropped_and_told_in_one_line(
    peer: Peer, poster: ApiGatewayPoster, told: Told, others: int, caplog: pytest.LogCaptureFixture
) -> None:
    peer.scripts["slow="] = [200, "hang"]
    mail = {"slow=": [b"1", b"2", b"3"], **{f"{n}=": [b"1"] for n in range(others)}}
    poster.post_all(mail, soon(0.5))
    assert told[Metric.POSTS_DROPPED] == 2
    assert told[Metric.POSTS_DELIVERED] == 1 + others
    (record,) = caplog.records
    assert record.__dict__["fields"] == {
        "frames": 2,
        "sockets": 1,
        "statuses": {"none": 1},
        "connection_ids": ["slow="],
    }


def test_a_line_names_some_sockets_of_many(
    peer: Peer, poster: ApiGatewayPoster, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(20):
        peer.scripts[f"{n}="] = [403]
    poster.post_all({f"{n}=": [b"1"] for n in range(20)}, soon())
    assert +told == {Metric.POSTS_DROPPED: 20}
    (record,) = caplog.records
    fields = record.__dict__["fields"]
    assert (fields["frames"], fields["sockets"], fields["statuses"]) == (20, 20, {"403": 20})
    assert len(fields["connection_ids"]) == 5


def test_closing_is_a_delete(peer: Peer, poster: ApiGatewayPoster) -> None:
    poster.close("a=")
    ((method, path, _),) = peer.requests
    assert (method, path) == ("DELETE", "/dev/@connections/a%3D")


def test_a_post_is_signed_as_the_sdk_signs_it(peer: Peer, poster: ApiGatewayPoster) -> None:
    sdk = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=peer.url,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        aws_session_token=CREDENTIALS.token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    # A signature holds the second it was made in: only two within the same one can be compared.
    for _ in range(20):
        peer.requests.clear()
        poster.post_all({"Xux7aeaAFiACHZQ=": [b"hello"]}, soon())
        sdk.post_to_connection(ConnectionId="Xux7aeaAFiACHZQ=", Data=b"hello")
        (_, our_path, ours), (_, sdk_path, sdks) = peer.requests
        if ours["X-Amz-Date"] == sdks["X-Amz-Date"]:
            break
    assert our_path == sdk_path
    assert ours["X-Amz-Security-Token"] == sdks["X-Amz-Security-Token"]
    assert ours["Authorization"] == sdks["Authorization"]
