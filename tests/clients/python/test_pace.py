"""Many conversations: they are subscribed at the rate that the server accepts from one participant."""

from __future__ import annotations

import pytest
from serverless_chat.core.client import Client
from serverless_chat.core.outputs import JsonObject
from serverless_chat.core.subscriptions import SUBSCRIBES, SUBSCRIBES_PER_SECOND

from tests.clients.python.drive import NOW, SOCKET, WELCOME, connected, event, frames

MANY = SUBSCRIBES + 100


def page(subscribe: JsonObject) -> JsonObject:
    about = {"id": subscribe["id"], "conversation_id": subscribe["conversation_id"]}
    counts = {"head": 1, "has_more": False, "read_up_to": 1, "unread_count": 0}
    return {"type": "subscribed", **about, **counts, "events": [event(1)], "participants": []}


def opened(client: Client) -> None:
    for number in range(MANY):
        client.open(f"conv_{number}", NOW)


def subscribed(client: Client, now: float) -> list[str]:
    """Answer all `subscribe`, and return the ids of their conversations."""
    asked = frames(client, "subscribe")
    for subscribe in asked:
        client.receive(SOCKET, page(subscribe) | {"history_id": WELCOME["history_id"]}, now)
    return [subscribe["conversation_id"] for subscribe in asked]


def test_many_conversations_are_subscribed_at_the_rate_that_the_server_accepts() -> None:
    client = connected()
    opened(client)
    done = subscribed(client, NOW)
    assert len(done) == SUBSCRIBES
    now = NOW
    while len(done) < MANY:
        timer = client.next_timer(now)
        assert timer is not None
        assert timer <= 1
        now += max(timer, 0.001)
        client.advance(now)
        done += subscribed(client, now)
    assert len(set(done)) == MANY
    assert now - NOW == pytest.approx((MANY - SUBSCRIBES) / SUBSCRIBES_PER_SECOND, rel=0.01)


def test_conversations_that_are_closed_before_their_turn_are_not_subscribed() -> None:
    client = connected()
    opened(client)
    assert len(subscribed(client, NOW)) == SUBSCRIBES
    for number in range(SUBSCRIBES, MANY - 1):
        client.close(f"conv_{number}")
    frames(client)
    client.advance(NOW + 3_600)
    assert subscribed(client, NOW + 3_600) in ([], [f"conv_{MANY - 1}"])


def test_conversations_that_the_next_hello_does_not_name_wait_for_their_turn_too() -> None:
    client = connected()
    opened(client)
    subscribed(client, NOW)
    client.socket_closed(SOCKET, NOW)
    client.online(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET + 1, NOW)
    client.receive(SOCKET + 1, WELCOME, NOW)
    assert frames(client, "subscribe") == []
    client.advance(NOW + 2)
    assert len(frames(client, "subscribe")) == 2 * SUBSCRIBES_PER_SECOND
