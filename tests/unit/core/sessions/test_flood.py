"""The limits of one participant on connections, frames and requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.core.conversations.prices import price
from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import RateLimited
from chalicelib.core.model.connections import Connection
from chalicelib.identity.model import Identity
from tests.support.app_harness import AppHarness


@pytest.fixture
def harness() -> Iterator[AppHarness]:
    """Return an application that allows two connections, and few frames."""
    yield AppHarness(
        {
            "CHAT_LIMIT_CONNECTIONS": "2",
            "CHAT_LIMIT_FRAMES_PER_SECOND": "10",
            "CHAT_LIMIT_FRAME_BURST": "40",
            "CHAT_LIMIT_BUDGET_BURST": "5000",
        }
    )


def open_connection(harness: AppHarness, connection_id: str, participant_id: str = "alice") -> list[str]:
    identity = Identity(participant_id, None, int(harness.clock.now()) + 3600)
    harness.clock.advance(0.01)
    surplus = harness.chat.sessions.connections.open(connection_id, identity)
    limit = harness.chat.settings.limits.connections
    harness.chat.realtime.fan_out.close_surplus(participant_id, surplus, limit)
    return surplus


def opened(harness: AppHarness) -> list[str]:
    """Return alice's connections that are not being closed."""
    return harness.chat.stores.connections.opened("alice", milliseconds(harness.clock))[0]


def test_oldest_connection_above_the_limit_is_closed_with_a_reason(harness: AppHarness) -> None:
    assert open_connection(harness, "z=") == open_connection(harness, "a=") == []
    assert open_connection(harness, "m=") == ["z="]
    assert harness.poster.closed == ["z="]
    (frame,) = harness.posted("z=", "disconnect")
    assert (frame["code"], frame["reconnect"]) == ("TOO_MANY_CONNECTIONS", False)
    assert open_connection(harness, "bob=", "bob") == []


def test_connection_is_closed_by_one_handshake(harness: AppHarness) -> None:
    for name in ("a=", "b="):
        open_connection(harness, name)
    assert open_connection(harness, "c=") == ["a="]
    assert open_connection(harness, "d=") == ["b="], "a= is being closed already"
    harness.chat.sessions.connections.close("c=")
    assert open_connection(harness, "e=") == []


def test_connection_that_is_gone_is_deleted(harness: AppHarness) -> None:
    for name in ("a=", "b="):
        open_connection(harness, name)
    harness.poster.stale.add("a=")
    assert open_connection(harness, "c=") == ["a="]
    assert harness.chat.stores.connections.get("a=") is None
    assert opened(harness) == ["b=", "c="]


def test_participant_whose_gone_connection_is_deleted_is_shown_as_offline(harness: AppHarness) -> None:
    """Nothing else would tell: its subscriptions are deleted, and no `$disconnect` comes."""
    chat = harness.create_conversation("alice", "bob")
    harness.connect("bob=", "bob", chat)
    harness.connect("a=", "alice", chat)
    open_connection(harness, "b=")
    harness.poster.stale.add("a=")
    harness.poster.posts.clear()
    assert open_connection(harness, "c=") == ["a="]
    (frame,) = harness.posted("bob=", "presence")
    assert (frame["participant"]["participant_id"], frame["online"]) == ("alice", False)


def test_handshakes_are_charged_to_the_budget(harness: AppHarness) -> None:
    """They take the account's quota of new connections, and rows: also those that are closed at once."""
    opened = 0
    with pytest.raises(RateLimited):
        while opened < 1_000:
            open_connection(harness, f"{opened}=")
            harness.chat.sessions.connections.close(f"{opened}=")
            opened += 1
    assert 5_000 // price("connect") <= opened <= 8_000 // price("connect"), "the burst, and half of it"
    assert harness.chat.stores.connections.get(f"{opened}=") is None
    assert open_connection(harness, "bob=", "bob") == []
    harness.clock.advance(5)
    assert open_connection(harness, "later=") == []


def test_lowered_limit_closes_ten_connections_at_a_time(harness: AppHarness) -> None:
    for number in range(20):
        now = milliseconds(harness.clock)
        connection = Connection(f"{number:02}=", "alice", None, now, connected_at=now + number, last_seen=now)
        harness.chat.stores.connections.open(connection)
    harness.clock.advance(1)
    assert [len(open_connection(harness, name)) for name in ("a=", "b=", "c=")] == [10, 10, 1]


def flood(harness: AppHarness, connection_id: str, frames: int, **frame: object) -> list[str]:
    """Send frames until the connection is closed; return the codes of the replies and of the last frame."""
    codes: list[str] = []
    for _ in range(frames):
        result = harness.chat.sessions.dispatcher.receive(connection_id, '{"type": "ping"}')
        if result.close_with is not None:
            harness.chat.realtime.fan_out.disconnect(connection_id, result.close_with)
            return [*codes, result.close_with["code"]]
        codes += [reply["type"] for reply in result.replies]
    return codes


def test_flooding_participant_is_disconnected_and_refused_for_a_while(harness: AppHarness) -> None:
    open_connection(harness, "a=")
    codes = flood(harness, "a=", 200)
    assert codes[-1] == "RATE_LIMITED"
    assert 40 <= len(codes) <= 40 + 20 + 1
    (frame,) = harness.posted("a=", "disconnect")
    assert (frame["reconnect"], frame["retry_after"]) == (True, 60)
    harness.clock.advance(58)
    with pytest.raises(RateLimited) as refused:
        open_connection(harness, "b=")
    assert refused.value.retry_after == pytest.approx(2, abs=0.1)
    assert harness.chat.stores.connections.get("b=") is None
    open_connection(harness, "bob=", "bob")
    harness.clock.advance(3)
    open_connection(harness, "c=")
    assert flood(harness, "c=", 5) == ["pong"] * 5


def test_malformed_frames_count(harness: AppHarness) -> None:
    open_connection(harness, "a=")
    results = [harness.chat.sessions.dispatcher.receive("a=", "no JSON") for _ in range(100)]
    assert any(result.close_with is not None for result in results)


def test_steady_frames_are_not_refused(harness: AppHarness) -> None:
    open_connection(harness, "a=")
    for _ in range(300):
        harness.clock.advance(0.1)
        assert flood(harness, "a=", 1) == ["pong"]


def test_requests_above_the_budget_are_refused_with_the_time_to_wait(harness: AppHarness) -> None:
    conversation = harness.create_conversation("alice")
    open_connection(harness, "a=")
    for _ in range(5000 // 40):
        harness.clock.advance(0.1)
        (reply,) = harness.send_frame("a=", type="sync", conversation_id=conversation, after=0)
        assert reply["type"] == "sync"
    while reply["type"] == "sync":
        harness.clock.advance(0.1)
        (reply,) = harness.send_frame("a=", type="sync", conversation_id=conversation, after=0)
    assert (reply["type"], reply["code"], reply["retryable"]) == ("error", "RATE_LIMITED", True)
    harness.send_message("alice", conversation)
    harness.clock.advance(reply["retry_after"] + 0.01)
    (reply,) = harness.send_frame("a=", type="sync", conversation_id=conversation, after=0)
    assert reply["type"] == "sync"


def test_hello_costs_a_subscription_for_each_conversation(harness: AppHarness) -> None:
    open_connection(harness, "a=")
    wanted = [{"conversation_id": f"unknown {number}"} for number in range(100)]
    types = [harness.send_frame("a=", type="hello", subscribe=wanted)[0].get("code", "welcome") for _ in range(3)]
    assert types == ["welcome", "RATE_LIMITED", "RATE_LIMITED"]
