"""System messages: only a service sends them, which is in no roster."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import Forbidden, NotFound, ValidationFailed
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.model.actors import Principal, Service
from chalicelib.core.protocol.queries import ConversationsQuery
from chalicelib.core.protocol.requests import EditMessage, NewParticipant, SendSystemMessage
from tests.support.app_harness import AppHarness, principal

SHOP = Service("shop").as_principal()
OTHER = Service("billing").as_principal()
SYSTEM = {"participant_id": "system", "name": "System", "type": "system"}


@pytest.fixture
def harness() -> AppHarness:
    """Return an application."""
    return AppHarness()


@pytest.fixture
def chat(harness: AppHarness) -> str:
    """Return a conversation of alice, the owner, mod and bob."""
    chat = harness.create_conversation("alice", "bob")
    harness.add("alice", chat, "mod", "moderator")
    return chat


def send(harness: AppHarness, chat: str, key: str = "1", caller: Principal = SHOP, **fields: object) -> int:
    message = SendSystemMessage.model_validate({"client_message_id": key, "content": f"order {key}", **fields})
    return int(harness.chat.messaging.sender.send(caller, chat, message).event["sequence_id"])


def unread(harness: AppHarness, name: str) -> int:
    (listed,) = harness.chat.conversations.views.list(principal(name), ConversationsQuery())["conversations"]
    return int(listed["unread_count"])


def test_system_message_is_in_the_log_and_unread_for_everyone(harness: AppHarness, chat: str) -> None:
    harness.connect("bob=", "bob", chat)
    sent = send(harness, chat)
    event = harness.events(chat)[-1]
    assert (event["type"], event["sender"], event["content"]) == ("message", SYSTEM, "order 1")
    assert harness.head(chat).message_count == 1
    assert [unread(harness, name) for name in ("alice", "bob", "mod")] == [1, 1, 1]
    harness.chat.conversations.history.read(principal("bob"), chat, sent)
    assert unread(harness, "bob") == 0
    roster = harness.chat.stores.memberships.roster(chat)
    assert {member.participant_id for member in roster} == {"alice", "bob", "mod"}


def test_repeat_is_the_same_message_for_each_service(harness: AppHarness, chat: str) -> None:
    first = send(harness, chat)
    assert send(harness, chat) == first
    assert send(harness, chat, caller=OTHER) == first + 1
    harness.send_message("bob", chat, "mine", client_message_id="1")
    assert send(harness, chat) == first


def test_contended_conversation_queues_system_messages(harness: AppHarness, chat: str) -> None:
    """The queue keeps for whom a message is: its sender, and the service of its idempotency key."""
    contended = (harness.clock.now() + 3600) * 1000
    harness.store.update_item(
        TableName="conversations",
        Key={"pk": {"S": f"C#{chat}"}, "sk": {"S": "HEAD"}},
        UpdateExpression="SET contended_until = :until",
        ExpressionAttributeValues={":until": {"N": str(int(contended))}},
    )
    first = send(harness, chat)
    assert harness.events(chat)[-1]["sender"] == SYSTEM
    assert harness.observer.sums()[Metric.MESSAGES_QUEUED] == 1
    assert send(harness, chat) == first


def test_queued_system_message_keeps_its_key_and_sender(harness: AppHarness, chat: str) -> None:
    from chalicelib.aws.dynamodb.log_items import queued_run_from_item, queued_run_to_item
    from chalicelib.core.conversations.access import membership_of
    from chalicelib.core.model.messages import QueuedRun

    sender = harness.chat.messaging.sender
    member = membership_of(harness.chat.stores.memberships, chat, SHOP)
    assert member is not None
    message = SendSystemMessage(client_message_id="1", content="hi")
    queued = QueuedRun("000000000000001#x", 1, [sender._draft(SHOP, member, message)], member)
    item = {name: value for name, value in queued_run_to_item(queued).items() if value is not None}
    item["member"] = {name: value for name, value in item["member"].items() if value is not None}
    assert queued_run_from_item(chat, item) == queued


def test_system_message_takes_replies_and_reactions(harness: AppHarness, chat: str) -> None:
    sent = send(harness, chat)
    harness.chat.messaging.reactions.add(principal("bob"), chat, sent, "👍")
    harness.send_message("bob", chat, "thanks", reply_to=sent)
    assert harness.events(chat)[-1]["reply_to"] == sent
    send(harness, chat, "2", reply_to=sent, mentions=["bob"])
    with pytest.raises(ValidationFailed):
        send(harness, chat, "3", mentions=["nobody"])


def test_members_neither_edit_nor_delete_it_but_moderators_and_services_delete_it(
    harness: AppHarness, chat: str
) -> None:
    updates = harness.chat.messaging.updates
    for caller in (principal("alice"), principal("bob"), SHOP):
        with pytest.raises(Forbidden):
            updates.edit(caller, chat, send(harness, chat), EditMessage(content="forged"))
    with pytest.raises(Forbidden):
        updates.delete(principal("bob"), chat, send(harness, chat))
    updates.delete(principal("mod"), chat, send(harness, chat))
    updates.delete(OTHER, chat, send(harness, chat, "2"))
    deleted = updates.delete(SHOP, chat, harness.send_message("bob", chat, "spam"))
    assert "deleted_at" in deleted.message
    assert harness.events(chat)[-1]["sender"] == SYSTEM


def test_members_cannot_send_as_the_system(harness: AppHarness, chat: str) -> None:
    named = Principal("bob", "System")
    harness.chat.messaging.sender.send(
        named, chat, SendSystemMessage(client_message_id="9", content="I am the system")
    )
    assert harness.events(chat)[-1]["sender"] == {"participant_id": "bob", "name": "System", "type": "human"}
    without_service = Principal("system", "System")
    with pytest.raises(NotFound):
        send(harness, chat, caller=without_service)
    with pytest.raises(ValueError, match="reserved"):
        NewParticipant(participant_id="system", name="System")


def test_system_message_to_a_conversation_that_does_not_exist_is_not_found(harness: AppHarness) -> None:
    with pytest.raises(NotFound):
        send(harness, "conv_AAAAAAAAAAAAAAAAAAAAAA")
