"""Notify lists: the members on them, when they are decided, and what a repeat has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.dynamodb.connection_items import subscription_to_items
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.table import Table
from chalicelib.core.model.actors import Role, Service
from chalicelib.core.model.connections import Subscription
from chalicelib.core.model.notify import (
    MAX_NOTIFIED,
    NOTIFY_WITHIN,
    NotifiedMember,
    NotifyList,
    first_beyond,
)
from chalicelib.core.model.published import content_of
from chalicelib.core.protocol.requests import (
    EditMessage,
    SendSystemMessage,
    UpdateParticipant,
    UpdatePersonalState,
)
from local.faults.engine import MemoryEngine
from tests.support.app_harness import ENVIRONMENT, principal
from tests.support.publishing import ACKNOWLEDGED, FAILED, PublishingHarness
from tests.unit.core.conversations.test_direct_blocks import block
from tests.unit.core.conversations.test_directs import erase, open_direct

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


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (nothing, nothing, {}),
        (lambda room: room.connect("bob", room.id), nothing, None),
        (nothing, lambda room: room.connect("bob", room.id), None),
        (lambda room: room.connect("bob"), nothing, NOT_SUBSCRIBED),
        (watches_another, nothing, NOT_SUBSCRIBED),
        (watches_with_a_second_device, nothing, None),
        (unsubscribes, nothing, NOT_SUBSCRIBED),
        (falls_silent, nothing, {}),
        (becomes_stale, nothing, {}),
        (lambda room: room.set_state(notifications_muted=True), nothing, {"muted": True}),
        (lambda room: room.set_state(archived=True), nothing, {"muted": True}),
        (lambda room: room.set_state(pinned=True), nothing, {}),
        (is_muted_by_a_moderator, nothing, {}),
        (nothing, lambda room: room.read(room.harness.head(room.id).sequence_id), None),
        (nothing, lambda room: room.read(1), {}),
        (nothing, Room.leave, None),
        (nothing, lambda room: room.chat.conversations.members.remove(principal("alice"), room.id, "bob"), None),
        (nothing, lambda room: room.chat.conversations.moderation.ban(principal("alice"), room.id, "bob"), None),
        (nothing, is_back, None),
        (is_back, nothing, {}),
        (is_back_with_an_old_subscription, nothing, NOT_SUBSCRIBED),
        (is_an_agent, nothing, None),
        (is_registered_as_an_agent, nothing, None),
        (is_suspended, nothing, None),
        (nothing, lambda room: erase(room.harness, "bob"), None),
    ],
)
def test_member_is_listed_who_neither_watches_nor_has_read(
    before: Act, after: Act, expected: dict[str, Any] | None
) -> None:
    room = Room("carol")
    before(room)
    message = room.send()
    after(room)
    listed = {} if expected is None else {"bob": entry(**expected)}
    (found,) = room.publish()
    assert found["sequence_id"] == message
    assert {member["participant_id"]: member for member in found["members"]} == {**listed, "carol": entry("carol")}


def test_only_those_are_listed_who_were_members_at_the_message() -> None:
    room = Room()
    first = room.send()
    room.harness.add("alice", room.id, "dave")
    second = room.send()
    assert room.publish() == [
        {"sequence_id": first, "members": [entry()]},
        {"sequence_id": second, "members": [entry(), entry("dave")]},
    ]


def test_pending_member_is_not_listed() -> None:
    room = Room()
    block(room.harness, "dave", "alice")
    room.harness.add("alice", room.id, "dave")
    room.send()
    assert room.publish_one() == [entry()]


def test_mentioned_members_are_marked() -> None:
    room = Room("carol")
    room.send("carol")
    room.send()
    first, second = room.publish()
    assert first["members"] == [entry(), entry("carol", mentioned=True)]
    assert second["members"] == [entry(), entry("carol")]


def test_sender_is_not_listed_of_own_messages_only() -> None:
    room = Room()
    of_alice, of_bob = room.send(), room.send(sender="bob")
    # Of the two, who both are offline, each has a message of the other one.
    assert room.publish() == [
        {"sequence_id": of_alice, "members": [entry()]},
        {"sequence_id": of_bob, "members": [entry("alice")]},
    ]


@pytest.mark.parametrize("role", ["owner", "moderator", "member"])
def test_every_role_is_listed(role: Role) -> None:
    room = Room()
    room.harness.add("alice", room.id, "carol", role)
    room.send()
    assert room.publish_one() == [entry(), entry("carol")]


def test_blocker_of_a_direct_conversation_is_not_listed() -> None:
    room = Room()
    room.id = str(open_direct(room.harness, "alice", "bob")[1]["conversation_id"])
    room.chat.conversations.directs.open(principal("bob"), "alice")
    room.send()
    assert room.publish_one() == [entry()]
    block(room.harness, "bob", "alice")
    room.send()
    assert room.publish_one() == []


# ---- which messages have a list ------------------------------------------------------------------------


def test_other_events_and_system_messages_have_no_list() -> None:
    room = Room(types=frozenset())
    message = room.send()
    room.chat.messaging.updates.edit(principal("alice"), room.id, message, EditMessage(content="edited"))
    room.harness.add("alice", room.id, "dave")
    system = SendSystemMessage(content="Shipped", client_message_id="1")
    room.chat.messaging.sender.send(Service("shop").as_principal(), room.id, system)
    assert [found["sequence_id"] for found in room.publish()] == [message]
    assert len(room.data()["events"]) == 5


def test_message_that_was_deleted_has_no_list() -> None:
    room = Room()
    message, kept = room.send(), room.send()
    room.chat.messaging.updates.delete(principal("alice"), room.id, message)
    assert [found["sequence_id"] for found in room.publish()] == [kept]


@pytest.mark.parametrize(("age", "is_listed"), [(NOTIFY_WITHIN, True), (NOTIFY_WITHIN + 1, False)])
def test_stale_message_has_no_list(age: float, is_listed: bool) -> None:
    room = Room()
    room.send()
    room.harness.clock.advance(age)
    room.publish()
    assert ("notify" in room.data()) is is_listed


def test_catch_up_has_lists_for_recent_messages_only() -> None:
    room = Room(start="beginning")
    for _ in range(3):
        room.send()
    room.harness.clock.advance(NOTIFY_WITHIN + 1)
    recent = room.send()
    assert [found["sequence_id"] for found in room.publish()] == [recent]
    assert len(room.data()["events"]) == 4


def test_message_without_anyone_to_notify_has_an_empty_list() -> None:
    room = Room()
    room.connect("bob", room.id)
    message = room.send()
    assert room.publish() == [{"sequence_id": message, "members": []}]


def test_thin_delivery_has_lists_with_mentions() -> None:
    room = Room(is_thin=True)
    room.send("bob")
    assert room.publish_one() == [entry(mentioned=True)]
    assert "content" not in room.data()["events"][0]


def test_deleted_conversation_has_no_lists() -> None:
    room = Room()
    room.send()
    room.chat.conversations.lifecycle.delete(principal("alice"), room.id)
    room.publish()
    assert "notify" not in room.data()


def test_deployment_log_has_no_lists() -> None:
    room = Room(types=frozenset())
    room.chat.backend.suspensions.suspend("carol")
    room.harness.publish("deployment")
    assert "notify" not in room.data()


def test_endpoint_without_the_option_costs_no_read_more() -> None:
    class Counting(MemoryEngine):
        reads = 0

        def query(self, **arguments: Any) -> Any:
            self.reads += 1
            return super().query(**arguments)

        def batch_get_item(self, **arguments: Any) -> Any:
            self.reads += 1
            return super().batch_get_item(**arguments)

    def reads(*, notify: bool, types: frozenset[str] = ONLY_MESSAGES) -> int:
        room = Room("carol", engine=Counting, notify=notify, types=types)
        room.harness.publish(room.id)
        room.send()
        store = room.harness.store
        assert isinstance(store, Counting)
        store.reads = 0
        room.harness.publish(room.id)
        assert ("notify" in room.data()) is (notify and types == ONLY_MESSAGES)
        return store.reads

    # The roster, subscriptions, memberships with rules, connections of two.
    assert reads(notify=True) == reads(notify=False) + 6
    others = frozenset({"conversation_created", "message_edited"})
    assert reads(notify=True, types=others) == reads(notify=False, types=others)


# ---- repeats -------------------------------------------------------------------------------------------


def failed_once(room: Room) -> list[dict[str, Any]]:
    """Let the first attempt fail, and the next ones succeed; return its lists."""
    room.harness.sink.answer = lambda delivery: FAILED
    first = room.publish()
    assert room.harness.cursor(room.id).in_flight is not None
    room.harness.sink.answer = lambda delivery: ACKNOWLEDGED
    return first


def repeated(room: Room, after: float = 60) -> list[dict[str, Any]]:
    """Return the lists of the second attempt."""
    room.harness.clock.advance(after)
    room.harness.run(room.id)
    first, second, *_ = room.harness.sink.attempts[-2:]
    assert first.delivery_id == second.delivery_id
    return room.notify()


@pytest.mark.parametrize(
    "change",
    [
        nothing,
        lambda room: room.connect("bob", room.id),
        lambda room: room.set_state(notifications_muted=True),
        lambda room: room.read(room.harness.head(room.id).sequence_id),
        lambda room: room.join("dave"),
    ],
)
def test_repeat_has_the_lists_of_the_first_attempt(change: Act) -> None:
    room = Room("carol")
    room.connect("carol")
    room.send("carol")
    first = failed_once(room)
    change(room)
    assert first[0]["members"] == [entry(), entry("carol", mentioned=True, **NOT_SUBSCRIBED)]
    assert repeated(room) == first


def test_lists_of_a_repeat_do_not_become_stale() -> None:
    room = Room()
    room.send()
    first = failed_once(room)
    assert first
    assert repeated(room, after=2 * 24 * 3600) == first


@pytest.mark.parametrize(
    "change",
    [
        Room.leave,
        is_back,
        lambda room: room.chat.conversations.members.remove(principal("alice"), room.id, "bob"),
        lambda room: erase(room.harness, "bob"),
        is_suspended,
    ],
)
def test_repeat_does_not_list_members_who_have_left_or_were_suspended(change: Act) -> None:
    room = Room("carol")
    room.send()
    failed_once(room)
    change(room)
    (after,) = repeated(room)
    assert after["members"] == [entry("carol")]


def test_repeat_has_no_list_of_a_message_that_was_deleted() -> None:
    room = Room()
    message = room.send()
    failed_once(room)
    room.chat.messaging.updates.delete(principal("alice"), room.id, message)
    assert repeated(room) == []
    assert "notify" not in room.data()


def test_option_that_was_turned_off_ends_the_lists_of_a_repeat_and_turned_on_begins_none() -> None:
    room = Room()
    for is_on in (False, True):
        room.send()
        failed_once(room)
        endpoint = room.harness.endpoint()
        assert room.harness.publishing.endpoints.save(endpoint._replace(notify=is_on))
        assert repeated(room) == []


def test_stored_decision_names_no_participant_and_ends_with_the_delivery() -> None:
    room = Room("carol")
    room.send()

    def row() -> str:
        table, pk = ENVIRONMENT["CHAT_CONVERSATIONS_TABLE"], f"O#{room.id}"
        (item,) = room.harness.store.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
        )["Items"]
        return str(item)

    failed_once(room)
    in_flight = room.harness.cursor(room.id).in_flight
    assert in_flight is not None
    assert in_flight.notify is not None
    assert len(in_flight.notify.absent) == 2
    assert "bob" not in row()
    assert "carol" not in row()
    assert all(digest in row() for digest in in_flight.notify.absent)
    repeated(room)
    assert not any(digest in row() for digest in in_flight.notify.absent)


# ---- sizes ---------------------------------------------------------------------------------------------


def of_length(sequence_id: int, count: int) -> NotifyList:
    member = NotifiedMember("bob", mentioned=False, muted=False, reason="offline")
    return NotifyList(sequence_id, [member] * count)


@pytest.mark.parametrize(
    ("counts", "beyond"),
    [
        ([], None),
        ([MAX_NOTIFIED], None),
        ([MAX_NOTIFIED + 1], None),
        ([0, MAX_NOTIFIED + 1], None),
        ([MAX_NOTIFIED, 0], None),
        ([MAX_NOTIFIED, 1], 2),
        ([1, MAX_NOTIFIED], 2),
        ([99] * 11, 11),
    ],
)
def test_lists_of_a_delivery_have_a_thousand_entries_or_are_one(counts: list[int], beyond: int | None) -> None:
    assert first_beyond(of_length(number, count) for number, count in enumerate(counts, 1)) == beyond


def test_delivery_ends_before_lists_that_are_too_long() -> None:
    people = [f"member_{number}" for number in range(30)]
    room = Room(*people)
    count = MAX_NOTIFIED // 31 + 1
    messages = []
    for number in range(count):
        messages.append(room.send())
        if number == count - 2:
            # The last event before the next delivery is not one that the endpoint receives.
            room.chat.messaging.updates.edit(principal("alice"), room.id, messages[0], EditMessage(content="x"))
    room.publish()
    assert room.harness.sink.received("end_1", room.id) == messages
    sent = [content_of(delivery)["data"] for delivery in room.harness.sink.attempts]
    assert [len(data["events"]) for data in sent] == [count - 1, 1]
    assert all(len(found["members"]) == 31 for data in sent for found in data["notify"])
