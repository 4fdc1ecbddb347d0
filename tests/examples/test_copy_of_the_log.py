"""The product's copy of real conversations, which are published under faults, is equal to them in the end."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.model.actors import Service
from chalicelib.core.model.published import content_of
from chalicelib.core.model.publishing import Delivery, DeliveryResult
from chalicelib.core.protocol.queries import EventsQuery, MessagesQuery
from chalicelib.core.protocol.requests import EditMessage
from examples.product.mirror import Event, Mirror
from tests.support.app_harness import principal
from tests.support.publishing import ACKNOWLEDGED, FAILED, PublishingHarness

SHOP = Service("shop").as_principal()
EVENTS = int(os.environ.get("CHAT_COPIED_EVENTS", "100"))
"""Events of each seed."""
RESTORES = 5
"""Restores of the product for each seed, about: each one reads the logs again."""


class Product:
    """A product that refuses deliveries, loses its answers, and is restored to the beginning."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._directory = directory
        self._rng = random.Random(seed)
        self.harness = PublishingHarness()
        self.harness.sink.answer = self._receive
        self.restores = 0
        self.is_healthy = False
        self.mirror = self._new_mirror()

    def _new_mirror(self) -> Mirror:
        return Mirror(self._directory / f"product-{self.restores}.db", self._read_log)

    def _read_log(self, conversation_id: str, after: int) -> Iterator[Event]:
        history = self.harness.chat.conversations.history
        while True:
            page = history.events(SHOP, conversation_id, EventsQuery(after=str(after), limit="100"))
            yield from page["events"]
            if not page["has_more"]:
                return
            after = page["next_after"]

    def _receive(self, delivery: Delivery) -> DeliveryResult:
        fate = 1.0 if self.is_healthy else self._rng.random()
        if fate < RESTORES / EVENTS:
            self.restores += 1
            self.mirror.close()
            self.mirror = self._new_mirror()
        if fate < 0.2:
            return FAILED
        self.mirror.receive(content_of(delivery)["data"])
        return FAILED if fate < 0.3 else ACKNOWLEDGED


@pytest.mark.parametrize("seed", range(2))
def test_copy_equals_the_conversations_after_faults(tmp_path: Path, seed: int) -> None:
    rng, product = random.Random(seed), Product(tmp_path, seed)
    harness = product.harness
    harness.add_endpoint(start="beginning")
    chats = [harness.create_conversation("alice", "bob") for _ in range(3)]
    sent: list[tuple[str, int]] = []
    for number in range(EVENTS):
        kind, chat = rng.random(), rng.choice(chats)
        if kind < 0.7 or not sent:
            sent.append((chat, harness.send_message("alice", chat, f"text {number}")))
        elif kind < 0.85:
            chat, target = rng.choice(sent)
            change = EditMessage(content=f"edit {number}")
            harness.chat.messaging.updates.edit(principal("alice"), chat, target, change)
        else:
            chat, target = sent.pop(rng.randrange(len(sent)))
            harness.chat.messaging.updates.delete(principal("alice"), chat, target)
        harness.publish(chat)
        harness.clock.advance(1)
    product.is_healthy = True
    harness.wait(3 * 24 * 3600)
    harness.publish(*chats)
    for chat in chats:
        # A restored product notices what it has lost with the next event.
        harness.send_message("alice", chat, "last")
    harness.publish(*chats)
    for chat in chats:
        query = MessagesQuery(after="0", limit="100")
        listed, messages = harness.chat.conversations.history.messages(SHOP, chat, query), []
        while True:
            messages += [(message["sequence_id"], message.get("content")) for message in listed["messages"]]
            if not listed["has_more"]:
                break
            query = MessagesQuery(after=str(listed["next_after"]), limit="100")
            listed = harness.chat.conversations.history.messages(SHOP, chat, query)
        copied = [(message.sequence_id, message.content) for message in product.mirror.messages(chat)]
        assert copied == messages
    assert product.restores
    product.mirror.close()
