"""Origins of URLs, and the addresses of their hosts."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from chalicelib.awshttp import Origin
from chalicelib.awshttp._origin import ADDRESS_TTL, Resolver
from tests.support.fakes import FakeClock
from tests.support.threads import without_new_threads


@pytest.mark.parametrize(
    ("url", "host", "port", "host_header"),
    [
        ("https://a.example/dev", "a.example", 443, "a.example"),
        ("http://a.example:80", "a.example", 80, "a.example"),
        ("http://127.0.0.1:8001/x", "127.0.0.1", 8001, "127.0.0.1:8001"),
        ("http://[::1]:8001/x", "::1", 8001, "[::1]:8001"),
    ],
)
def test_origin_has_host_and_port_of_its_url(url: str, host: str, port: int, host_header: str) -> None:
    origin = Origin(url)
    assert (origin.host, origin.port, origin.host_header) == (host, port, host_header)
    assert origin.is_tls == url.startswith("https")


@pytest.mark.parametrize("url", ["ftp://a.example", "a.example", "https:///dev"])
def test_other_urls_are_rejected(url: str) -> None:
    with pytest.raises(ValueError, match="an endpoint must be a URL"):
        Origin(url)


class FakeDns:
    """`socket.getaddrinfo` with scripted addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.addresses = addresses
        self.queries = 0
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)

    def _resolve(self, host: str, port: int, **_: Any) -> list[Any]:
        self.queries += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]


def test_addresses_are_used_until_they_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    dns, clock = FakeDns(monkeypatch, "192.0.2.1"), FakeClock()
    resolver = Resolver(Origin("http://a.example"), clock)
    assert resolver.address(1) == (socket.AF_INET, ("192.0.2.1", 80))
    clock.advance(ADDRESS_TTL - 1)
    dns.addresses = ("192.0.2.2",)
    assert resolver.address(1)[1][0] == "192.0.2.1"
    assert dns.queries == 1
    clock.advance(2)
    assert resolver.address(1)[1][0] == "192.0.2.2"
    assert dns.queries == 2


def test_addresses_of_before_a_freeze_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    dns, clock = FakeDns(monkeypatch, "192.0.2.1"), FakeClock()
    resolver = Resolver(Origin("http://a.example"), clock)
    resolver.address(1)
    dns.addresses = ("192.0.2.2",)
    clock.freeze(ADDRESS_TTL)
    assert resolver.address(1)[1][0] == "192.0.2.2"
    dns.addresses = ("192.0.2.3",)
    clock.set(clock.now() - 3600)
    assert resolver.address(1)[1][0] == "192.0.2.3", "the clock was set back"


def test_rotation_makes_the_next_address_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDns(monkeypatch, "192.0.2.1", "192.0.2.2")
    resolver = Resolver(Origin("http://a.example"), FakeClock())
    resolver.rotate()
    used = []
    for _ in range(3):
        used.append(resolver.address(1)[1][0])
        resolver.rotate()
    assert used == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]


def test_unknown_host_raises_the_error_of_the_system() -> None:
    with pytest.raises(socket.gaierror):
        Resolver(Origin("http://nowhere.invalid"), FakeClock()).address(10)


class SlowDns:
    """`socket.getaddrinfo` that does not return, until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queries = 0
        self._release = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)

    def _resolve(self, *_: Any, **__: Any) -> list[Any]:
        self.queries += 1
        self._release.wait(10)
        return []

    def release(self) -> None:
        self._release.set()


def test_name_that_was_not_resolved_in_time_is_not_waited_for_by_each_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each query would stop the loop of a fan-out for its whole time, and leave a thread for longer."""
    dns, clock = SlowDns(monkeypatch), FakeClock()
    resolver = Resolver(Origin("http://slow.example"), clock, failure_ttl=0.01)
    try:
        with pytest.raises(TimeoutError):
            resolver.address(0.001)
        for _ in range(3):
            with pytest.raises(OSError, match="not resolved"):
                resolver.address(0.01)
        assert dns.queries == 2, "the first one had no time"
        clock.freeze(1)
        with pytest.raises(TimeoutError):
            resolver.address(0.01)
        clock.set(clock.now() - 3600)
        with pytest.raises(TimeoutError):
            resolver.address(0.01)
        assert dns.queries == 4
    finally:
        dns.release()


def test_name_that_cannot_be_encoded_is_an_error_of_the_network() -> None:
    """Nothing of the thread that resolves it is written to the log of the process."""
    with pytest.raises(OSError, match="cannot be encoded"):
        Resolver(Origin(f"http://{'a' * 64}.example"), FakeClock()).address(10)


def test_process_that_can_start_no_thread_resolves_no_name() -> None:
    with without_new_threads(), pytest.raises(OSError, match="no thread"):
        Resolver(Origin("http://a.example"), FakeClock()).address(10)


def test_resolution_stops_at_its_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    dns = SlowDns(monkeypatch)
    try:
        with pytest.raises(TimeoutError, match="not resolved in time"):
            Resolver(Origin("http://slow.example"), FakeClock()).address(0.01)
    finally:
        dns.release()
