"""The type of a participant, person or agent: according to their own token, and kept with their membership."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from chalicelib.core.kernel.errors import ConversationLimit, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.model.actors import ParticipantType, Principal
from chalicelib.core.protocol.requests import (
    CreateConversation,
    NewParticipant,
    SendMessage,
    UpdateParticipant,
    parse_body,
)
from chalicelib.identity.model import Identity
from tests.support.app_harness import ENVIRONMENT, TOKEN_LIFETIME, AppHarness, principal

ROBOT = principal("robot", "agent")


@pytest.fixture
def harness() -> AppHarness:
    return AppHarness()


@pytest.fixture
def chat(harness: AppHarness) -> str:
    """Return a conversation of alice with robot, whose token has not been used yet."""
    return harness.create_conversation("alice", "robot")


def send(harness: AppHarness, chat: str, caller: Principal = ROBOT) -> Any:
    return harness.chat.messaging.sender.send(caller, chat, SendMessage(content="beep")).event["sender"]["type"]


def kept(harness: AppHarness, chat: str) -> tuple[str, str]:
    """Return the type of robot according to the membership, and as the participants see it."""
    view = harness.chat.conversations.views.view(chat, principal("alice"))
    (shown,) = [entry["type"] for entry in view["participants"] if entry["participant_id"] == "robot"]
    return harness.member(chat, "robot").type, shown


def identity(harness: AppHarness, kind: ParticipantType) -> Identity:
    now = int(harness.clock.now())
    return Identity("robot", "robot", now + TOKEN_LIFETIME, now, kind)


def connect(harness: AppHarness, chat: str, bearer: Identity, connection_id: str = "r=") -> Any:
    """Open a connection of robot that subscribes; return the type in the welcome."""
    harness.chat.sessions.connections.open(connection_id, bearer)
    welcome, subscribed = harness.send_frame(connection_id, type="hello", subscribe=[{"conversation_id": chat}])
    assert subscribed["type"] == "subscribed"
    return welcome["participant"]["type"]


def send_frame(harness: AppHarness, chat: str, content: str) -> Any:
    """Send a message on the connection of robot; return the type of its sender."""
    harness.send_frame("r=", type="message", conversation_id=chat, content=content, client_message_id=content)
    last = harness.events(chat)[-1]
    assert last["content"] == content
    return last["sender"]["type"]


# ---- additions -------------------------------------------------------------------------------------------


def test_type_in_a_request_is_an_unknown_field() -> None:
    participant = b'{"participant_id": "robot", "name": "Robot", "type": "agent"}'
    with pytest.raises(ValidationFailed):
        parse_body(NewParticipant, participant, Limits())
    with pytest.raises(ValidationFailed):
        parse_body(CreateConversation, b'{"title": "T", "participants": [%b]}' % participant, Limits())


def test_participant_is_a_person_until_their_token_is_seen(harness: AppHarness, chat: str) -> None:
    assert kept(harness, chat) == ("human", "human")
    other = harness.create_conversation("alice")
    assert harness.add("alice", other, "robot").response["type"] == "human"


@pytest.mark.parametrize("begins", ["creates", "joins"])
def test_agent_who_created_or_joined_a_conversation_is_added_as_an_agent(harness: AppHarness, begins: str) -> None:
    if begins == "creates":
        harness.chat.conversations.creation.create(ROBOT, CreateConversation(title="Own"))
    else:
        joined = harness.create_conversation("alice")
        harness.chat.conversations.members.join(ROBOT, joined)
        assert kept(harness, joined) == ("agent", "agent")
        assert harness.chat.stores.memberships.roster(joined)[-1].type == "agent"
    chat = harness.create_conversation("alice", "robot")
    assert kept(harness, chat) == ("agent", "agent")
    other = harness.create_conversation("alice")
    assert harness.add("alice", other, "robot").response["type"] == "agent"
    harness.create_conversation("robot")
    assert kept(harness, harness.create_conversation("alice", "robot")) == ("human", "human"), "the newest token"


def test_correction_of_the_counts_keeps_the_type() -> None:
    harness = AppHarness({"CHAT_LIMIT_CONVERSATIONS": "1"})
    harness.chat.conversations.creation.create(ROBOT, CreateConversation(title="Own"))
    with pytest.raises(ConversationLimit):
        harness.chat.conversations.creation.create(ROBOT, CreateConversation(title="One more"))
    assert kept(harness, harness.create_conversation("alice", "robot")) == ("agent", "agent")


# ---- own writes ------------------------------------------------------------------------------------------


def test_message_has_the_type_of_the_token_and_the_membership_takes_it_along(
    harness: AppHarness, chat: str
) -> None:
    assert send(harness, chat) == "agent"
    assert kept(harness, chat) == ("agent", "agent")
    assert send(harness, chat, principal("robot")) == "human"
    assert kept(harness, chat) == ("human", "human")


def test_read_pointer_takes_the_type_along(harness: AppHarness, chat: str) -> None:
    target = harness.send_message("alice", chat)
    harness.chat.conversations.history.read(ROBOT, chat, target)
    assert kept(harness, chat) == ("agent", "agent")


def test_change_of_the_own_role_takes_the_type_along(harness: AppHarness, chat: str) -> None:
    moderation = harness.chat.conversations.moderation
    promoted = moderation.update(principal("alice"), chat, "robot", UpdateParticipant(role="owner"))
    assert promoted.response["type"] == "human", "the type does not come from another member"
    assert moderation.update(ROBOT, chat, "robot", UpdateParticipant(role="member")).response["type"] == "agent"
    assert kept(harness, chat) == ("agent", "agent")
    assert harness.chat.stores.memberships.roster(chat)[-1].type == "agent"
    assert harness.events(chat)[-1]["participant"]["type"] == "agent"


# ---- connections -----------------------------------------------------------------------------------------


def test_connection_has_the_type_of_its_token(harness: AppHarness, chat: str) -> None:
    assert connect(harness, chat, identity(harness, "agent")) == "agent"
    assert send_frame(harness, chat, "beep") == "agent"
    assert kept(harness, chat) == ("agent", "agent")


def test_connection_by_a_ticket_has_the_type_of_the_token(harness: AppHarness, chat: str) -> None:
    tickets = harness.chat.realtime.tickets
    bearer = tickets.redeem(str(tickets.issue(identity(harness, "agent"))["ticket"]))
    assert bearer == identity(harness, "agent")
    assert connect(harness, chat, bearer) == "agent"


def test_new_token_changes_the_type_of_a_connection(harness: AppHarness, chat: str) -> None:
    connect(harness, chat, identity(harness, "human"))
    now = int(harness.clock.now())
    for kind in ("agent", "human"):
        claims = {"sub": "robot", "iat": now, "exp": now + 100, "participant_type": kind}
        token = jwt.encode(claims, ENVIRONMENT["CHAT_JWT_SECRET"], "HS256")
        (reply,) = harness.send_frame("r=", type="auth", token=token)
        assert reply["type"] == "auth_ok"
        assert send_frame(harness, chat, f"as-{kind}") == kind


def test_presence_of_a_revived_connection_has_the_type_of_its_token(harness: AppHarness, chat: str) -> None:
    harness.connect("a=", "alice", chat)
    connect(harness, chat, identity(harness, "agent"))
    connections = harness.chat.stores.connections
    opened = connections.get("r=")
    assert opened is not None
    connections.mark_stale("r=", opened.generation, "robot")
    harness.send_frame("r=", type="ping")
    shown = [frame["participant"]["type"] for frame in harness.posted("a=", "presence") if frame["online"]]
    assert shown and set(shown) == {"agent"}
