"""A conversation at an endpoint with notify lists, and what its members do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.aws.dynamodb.connection_items import subscription_to_items
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.connections import Subscription
from chalicelib.core.model.published import content_of
from chalicelib.core.protocol.requests import UpdateParticipant, UpdatePersonalState
from local.faults.engine import MemoryEngine
from tests.support.app_harness import ENVIRONMENT, principal
from tests.support.publishing import PublishingHarness

ONLY_MESSAGES = frozenset({"message"})
PING_INTERVAL = 240


class Room:
    """A conversation of Alice and Bob at a product that asks for notify lists."""

    def __init__(self, *others: str, engine: Callable[..., MemoryEngine] = MemoryEngine, **endpoint: Any) -> None:
        self.harness = PublishingHarness(engine=engine)
        self.chat = self.harness.chat
        self.harness.add_endpoint(**{"types": ONLY_MESSAGES, "notify": True, **endpoint})
        self.id = self.harness.create_conversation("alice", "bob", *others)
        self.harness.clock.advance(10)

    def connect(self, name: str, *subscribed: str) -> None:
        self.harness.connect(f"{name}=", name, *subscribed)

    def set_state(self, **state: bool) -> None:
        request = UpdatePersonalState(**state)
        self.chat.conversations.personal_states.update(principal("bob"), self.id, request)

    def read(self, sequence_id: int) -> None:
        self.chat.conversations.history.read(principal("bob"), self.id, sequence_id)

    def leave(self) -> None:
        self.chat.conversations.members.leave(principal("bob"), self.id)

    def join(self, name: str = "bob") -> None:
        self.chat.conversations.members.join(principal(name), self.id)

    def keep_a_subscription_of(self, epoch: int) -> None:
        """Write the subscription of an earlier membership again, which its deletion may have missed."""
        self.connect("bob")
        now = int(self.harness.clock.now() * 1000)
        kept = Subscription(self.id, "bob=", "bob", epoch, 1, 1 << 40, now)
        table = Table(Dynamo(self.harness.store, self.harness.clock), ENVIRONMENT["CHAT_CONNECTIONS_TABLE"])
        for item in subscription_to_items(kept):
            table.put(item)

    def send(self, *mentions: str, sender: str = "alice") -> int:
        return self.harness.send_message(sender, self.id, mentions=list(mentions))

    def publish(self) -> list[dict[str, Any]]:
        """Publish, and return the notify lists of the newest attempt."""
        self.harness.publish(self.id)
        return self.notify()

    def publish_one(self) -> list[dict[str, Any]]:
        """Publish one message, and return its list."""
        (found,) = self.publish()
        members: list[dict[str, Any]] = found["members"]
        return members

    def notify(self) -> list[dict[str, Any]]:
        lists: list[dict[str, Any]] = self.data().get("notify", [])
        return lists

    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = content_of(self.harness.sink.attempts[-1])["data"]
        return data


def entry(participant_id: str = "bob", **fields: Any) -> dict[str, Any]:
    return {
        "participant_id": participant_id,
        "mentioned": False,
        "muted": False,
        "reason": "offline",
        **fields,
    }


Act = Callable[[Room], object]
NOT_SUBSCRIBED = {"reason": "not_subscribed"}


def nothing(room: Room) -> None:
    """Do nothing."""


def falls_silent(room: Room) -> None:
    room.connect("bob", room.id)
    room.harness.clock.advance(2 * PING_INTERVAL + 1)


def becomes_stale(room: Room) -> None:
    room.connect("bob", room.id)
    room.chat.stores.connections.mark_stale("bob=", 1)


def unsubscribes(room: Room) -> None:
    room.connect("bob", room.id)
    room.harness.send_frame("bob=", type="unsubscribe", conversation_id=room.id)


def watches_another(room: Room) -> None:
    room.connect("bob", room.harness.create_conversation("bob", "alice"))


def watches_with_a_second_device(room: Room) -> None:
    room.connect("bob")
    room.harness.connect("bob+", "bob", room.id)


def is_muted_by_a_moderator(room: Room) -> None:
    request = UpdateParticipant(muted_for=3600)
    room.chat.conversations.moderation.update(principal("alice"), room.id, "bob", request)


def is_an_agent(room: Room) -> None:
    room.leave()
    room.chat.conversations.members.join(principal("bob", "agent"), room.id)


def is_registered_as_an_agent(room: Room) -> None:
    room.chat.backend.suspensions.register_agent("bob")


def is_suspended(room: Room) -> None:
    room.chat.backend.suspensions.suspend("bob")


def is_back(room: Room) -> None:
    room.leave()
    room.join()


def is_back_with_an_old_subscription(room: Room) -> None:
    is_back(room)
    room.keep_a_subscription_of(epoch=1)
