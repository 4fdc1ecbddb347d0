"""The e-mail digest of the example product."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from examples.product.digest import MAX_MESSAGES, Digests
from examples.product.mirror import Mirror

CHAT = "conv_1"


class Product:
    """A copy of one conversation, and the e-mails that were sent."""

    def __init__(self, directory: Path) -> None:
        self.mails: list[EmailMessage] = []
        self.mirror = Mirror(directory / "product.db", lambda conversation_id, after: [])
        self.digests = Digests(directory / "product.db", self.mirror, self.mails.append, "chat@shop.example.com")
        self._head = 0

    def receive(
        self, sender: str, event_type: str = "message", *, notified: dict[str, Any] | None = None, **fields: Any
    ) -> None:
        """`notified` changes the entry of Bob, who was offline."""
        self._head += 1
        event = {
            "conversation_id": CHAT,
            "sequence_id": self._head,
            "type": event_type,
            "sender": {"participant_id": sender},
            **fields,
        }
        data = {"conversation_id": CHAT, "history_id": "0.t", "previous_sequence_id": self._head - 1}
        self.mirror.receive({**data, "events": [event]})
        bob = {"participant_id": "bob", "mentioned": False, "muted": False, "reason": "offline"}
        if event_type == "message" and sender != "bob":
            self.digests.note(event, [{**bob, **(notified or {})}])

    def digest(self, read_up_to: int = 0) -> int:
        return self.digests.send("bob", "bob@example.com", {CHAT: read_up_to})


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    found = Product(tmp_path)
    yield found
    found.digests.close()
    found.mirror.close()


def test_digest_has_each_missed_message_once(product: Product) -> None:
    product.receive("alice", content="read")
    product.receive("alice", content="unread")
    product.receive("bob", content="his own")
    product.receive("alice", content="deleted")
    product.receive("alice", "message_deleted", target=4)
    assert [product.digest(1), product.digest(1)] == [1, 0]
    (mail,) = product.mails
    assert (mail["To"], mail["Subject"]) == ("bob@example.com", "1 new message")
    assert mail.get_content().strip() == "alice: unread"
    product.receive("alice", content="later")
    assert product.digest(1) == 1
    assert product.mails[1].get_content().strip() == "alice: later"


@pytest.mark.parametrize(
    ("notified", "count"),
    [
        ({"reason": "not_subscribed"}, 0),
        ({"muted": True}, 0),
        ({"muted": True, "mentioned": True}, 1),
    ],
)
def test_digest_follows_the_notify_list(product: Product, notified: dict[str, Any], count: int) -> None:
    product.receive("alice", content="hello", notified=notified)
    assert product.digest() == count


def test_long_digest_is_cut(product: Product) -> None:
    for number in range(MAX_MESSAGES + 5):
        product.receive("alice", content=f"{number} " + "x" * 1_000)
    assert product.digest() == MAX_MESSAGES + 5
    lines = product.mails[0].get_content().splitlines()
    assert lines[-1] == "… and 5 more"
    assert max(map(len, lines)) < 150
