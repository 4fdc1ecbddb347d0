"""Attempts at hostile endpoints, on real loopback sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench import certificates
from chalicelib.core.model.publishing import ATTEMPT_TIMEOUT, DeliveryResult, Outcome
from chalicelib.webhooks import sink as sinks
from chalicelib.webhooks.http_post import MAX_ANSWER
from chalicelib.webhooks.resolving import Address
from chalicelib.webhooks.sink import Network, WebhookSink
from tests.support.fakes import START_TIME
from tests.unit.webhooks.hostile import (
    NAME,
    Answering,
    Receiver,
    at_loopback,
    delivery,
    drips,
    is_endless,
    is_silent,
    receiver,
    says,
    status,
)

OK = b"HTTP/1.1 200 OK\r\n\r\n"
IN_TIME = 5.0
SHORT = 0.15
LATE = "the endpoint did not answer in time"
FAILED, GONE, ACKNOWLEDGED = Outcome.FAILED, Outcome.GONE, Outcome.ACKNOWLEDGED


def attempt(server: Receiver, timeout: float = IN_TIME) -> DeliveryResult:
    network = Network(is_local=True, timeout=timeout)
    return WebhookSink(network=network).deliver(delivery(f"http://127.0.0.1:{server.port}/hook?a=b"))


def failed(reason: str, retry_after: float | None = None) -> DeliveryResult:
    return DeliveryResult(FAILED, reason, retry_after)


def acknowledged(reason: str) -> DeliveryResult:
    return DeliveryResult(ACKNOWLEDGED, reason)


HUGE = "the head of the answer is too large"
TABLE: list[tuple[str, Answering, DeliveryResult]] = [
    ("acknowledges", status("204 No Content"), acknowledged("status 204")),
    ("without reason", says(b"HTTP/1.1 200\r\n\r\n"), acknowledged("status 200")),
    ("interim answer", says(b"HTTP/1.1 103 X\r\n\r\n" + OK), acknowledged("status 200")),
    ("endless answer", is_endless(OK), acknowledged("status 200")),
    ("redirects", status("301 Moved", "Location: http://169.254.169.254/"), failed("status 301")),
    ("redirects the method", status("307 X", "Location: https://x.example/"), failed("status 307")),
    ("not modified", status("304 Not Modified"), failed("status 304")),
    ("fails", status("500 Sorry"), failed("status 500")),
    ("is gone", status("410 Gone"), DeliveryResult(GONE, "status 410")),
    ("retry in seconds", status("503 X", "retry-after:  120 "), failed("status 503", 120.0)),
    ("retry in years", status("429 X", f"Retry-After: {'9' * 400}"), failed("status 429", 999_999_999_999.0)),
    ("retry at no time", status("503 X", "Retry-After: soon"), failed("status 503")),
    ("huge head", is_endless(b"HTTP/1.1 200 OK\r\nX: "), failed(HUGE)),
    ("endless interim answers", is_endless(b"HTTP/1.1 100 C\r\n\r\n" * 900), failed(HUGE)),
    ("not HTTP", says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), failed("the answer is not HTTP")),
    ("no answer", says(b""), failed("the connection ended before the answer")),
    ("half an answer", says(b"HTTP/1.1 200 O"), failed("the connection ended before the answer")),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_attempt_at_an_endpoint_that(answer: Answering, expected: DeliveryResult) -> None:
    with receiver(answer) as server:
        assert attempt(server) == expected
        assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [is_silent, drips(b"HTTP/1.1 200 OK\r\nX: ")], ids=["silent", "drips"])
def test_whole_attempt_has_a_time_limit(answer: Answering) -> None:
    with receiver(answer) as server:
        before = time.monotonic()
        assert attempt(server, SHORT) == DeliveryResult(FAILED, LATE)
        assert time.monotonic() - before < IN_TIME


def test_dripping_body_neither_delays_nor_revokes_the_outcome() -> None:
    for limit in (SHORT, 10 * SHORT, IN_TIME):  # the attempt lasts so long; a busy machine may answer later
        with receiver(drips(OK)) as server:
            outcome = attempt(server, limit).outcome
        if outcome is ACKNOWLEDGED:
            return
    raise AssertionError(outcome)


def test_request_that_is_not_read_ends_with_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network = Network(is_local=True, timeout=SHORT)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        unsent = delivery(url)
        unsent.events[0]["content"] = "x" * 20_000_000
        assert WebhookSink(network=network).deliver(unsent) == DeliveryResult(FAILED, LATE)


def test_dead_endpoint_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = WebhookSink(network=Network(is_local=True)).deliver(delivery(f"http://127.0.0.1:{port}/"))
    assert result == DeliveryResult(FAILED, "the connection failed (ConnectionRefusedError)")


def test_answer_is_read_up_to_the_cap() -> None:
    sent: list[int] = []

    def counts(client: socket.socket, ended: threading.Event) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.sendall(OK)
        try:
            while not ended.is_set():
                sent.append(client.send(b"x" * 1024))
        except OSError:
            pass

    with receiver(counts) as server:
        before = time.monotonic()
        assert attempt(server).outcome is ACKNOWLEDGED
        # The cap ends the attempt, not the time for the rest.
        assert time.monotonic() - before < ATTEMPT_TIMEOUT
    assert sum(sent) >= MAX_ANSWER - len(OK)


# ---- addresses ---------------------------------------------------------------------------------------------


class ChangingName:
    """A resolver whose answers change with each look, as those of an attacker's name server do."""

    def __init__(self, *looks: Sequence[tuple[str, int]]) -> None:
        self.looks = list(looks)

    def __call__(self, host: str, port: int, timeout: float) -> list[Address]:
        return [Address(socket.AF_INET, found) for found in self.looks.pop(0)]


def test_name_is_resolved_for_each_attempt_and_once() -> None:
    with receiver(status("200 OK")) as server:
        resolve = ChangingName([("127.0.0.1", server.port)], [("169.254.169.254", 80)])
        sink = WebhookSink(network=Network(is_local=True, timeout=IN_TIME, resolve=resolve))
        target = delivery("http://hooks.example.com/")
        assert sink.deliver(target).outcome is ACKNOWLEDGED
        assert len(resolve.looks) == 1
        refused = DeliveryResult(FAILED, "the host name has an address that is not public")
        assert sink.deliver(target) == refused
        assert len(server.requests) == 1


def test_one_bad_address_refuses_the_name() -> None:
    with receiver(status("200 OK")) as server:
        resolve = ChangingName([("127.0.0.1", server.port), ("10.0.0.1", 80)])
        sink = WebhookSink(network=Network(is_local=True, timeout=IN_TIME, resolve=resolve))
        assert sink.deliver(delivery("http://hooks.example.com/")).outcome is FAILED
        assert server.requests == []


def test_loopback_is_refused_unless_local() -> None:
    with receiver(status("200 OK")) as server:
        sink = WebhookSink(network=Network(timeout=IN_TIME, resolve=at_loopback(server.port)))
        refused = DeliveryResult(FAILED, "the host name has an address that is not public")
        assert sink.deliver(delivery("https://hooks.example.com/")) == refused
        assert server.requests == []


def test_plain_http_is_refused_unless_local() -> None:
    result = WebhookSink().deliver(delivery("http://hooks.example.com/"))
    assert result == DeliveryResult(FAILED, "the URL must begin with https://")


def test_second_address_is_used_if_the_first_takes_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = listener.getsockname()[1]
    with receiver(status("200 OK")) as server:
        resolve = ChangingName([("127.0.0.1", dead), ("127.0.0.1", server.port)])
        sink = WebhookSink(network=Network(is_local=True, timeout=IN_TIME, resolve=resolve))
        assert sink.deliver(delivery("http://hooks.example.com/")).outcome is ACKNOWLEDGED


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(), "the host name cannot be resolved"), (TimeoutError(), LATE)],
    ids=["unknown", "slow"],
)
def test_name_that_cannot_be_resolved_fails(error: OSError, reason: str) -> None:
    def resolve(host: str, port: int, timeout: float) -> list[Address]:
        raise error

    sink = WebhookSink(network=Network(resolve=resolve))
    assert sink.deliver(delivery("https://hooks.example.com/")) == DeliveryResult(FAILED, reason)


def test_name_without_addresses_fails() -> None:
    sink = WebhookSink(network=Network(resolve=ChangingName([])))
    result = sink.deliver(delivery("https://hooks.example.com/"))
    assert result == DeliveryResult(FAILED, "the host name has no address")


# ---- TLS ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[certificates.Certificates]:
    """A certificate for the name, whose authority is the only one that is trusted."""
    made = certificates.make(tmp_path_factory.mktemp("tls"), name=NAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(made.authority))
        sinks.tls_context.cache_clear()
        yield made
    sinks.tls_context.cache_clear()


def over_tls(server: Receiver, url: str, timeout: float = IN_TIME) -> DeliveryResult:
    network = Network(is_local=True, timeout=timeout, resolve=at_loopback(server.port))
    return WebhookSink(network=network).deliver(delivery(url))


def test_connection_is_verified_for_the_name_and_goes_to_the_checked_address(
    certified: certificates.Certificates,
) -> None:
    with receiver(status("200 OK"), certified.server_context()) as server:
        assert over_tls(server, f"https://{NAME}/hook") == DeliveryResult(ACKNOWLEDGED, "status 200")
        assert f"Host: {NAME}\r\n".encode() in server.requests[0]


def test_certificate_for_another_name_is_refused(certified: certificates.Certificates) -> None:
    with receiver(status("200 OK"), certified.server_context()) as server:
        result = over_tls(server, "https://another.example.com/")
        assert result == DeliveryResult(FAILED, "the certificate of the endpoint is not valid for its name")
        assert server.requests == []


def test_certificate_of_an_unknown_authority_is_refused(
    certified: certificates.Certificates, tmp_path: Path
) -> None:
    other = certificates.make(tmp_path, name=NAME)
    with receiver(status("200 OK"), other.server_context()) as server:
        assert over_tls(server, f"https://{NAME}/").outcome is FAILED
        assert server.requests == []


def test_endpoint_without_tls_is_refused(certified: certificates.Certificates) -> None:
    with receiver(status("200 OK")) as server:
        assert over_tls(server, f"https://{NAME}/", SHORT).outcome is FAILED
        assert all(b"POST" not in request for request in server.requests)


# ---- Retry-After -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Friday, 15-Jan-27 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Sun, 15 Jan 2034 08:01:00 GMT", 220_924_860.0),
        ("-7", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert sinks.retry_after_seconds(value, START_TIME) == seconds
