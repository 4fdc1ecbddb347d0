"""The whole application on a store in memory, with fakes of its ports and of the clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.bootstrap import Application, build
from chalicelib.bootstrap.services import PublishingPorts
from chalicelib.core.model.actors import ParticipantType, Principal, Role
from chalicelib.core.model.conversations import Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.ports.hooks import Hook
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant, SendMessage
from chalicelib.core.realtime.outbox import Result
from chalicelib.identity.model import Identity
from chalicelib.settings import Settings
from local.faults.engine import MemoryEngine
from tests.support.fakes import FakeClock, FakeJobQueue, FakeObserver, FakePoster, InterleavingGather

ENVIRONMENT = {
    "CHAT_CONVERSATIONS_TABLE": "conversations",
    "CHAT_CONNECTIONS_TABLE": "connections",
    "CHAT_MANAGEMENT_ENDPOINT": "http://127.0.0.1:9/unused",
    "CHAT_JWT_SECRET": "a-secret-for-the-tests-of-the-core",
    "AWS_REGION": "us-east-1",
}
TOKEN_LIFETIME = 3600
"""Seconds until the tokens of connections expire."""


class AppHarness:
    """An application, and shortcuts to prepare conversations and connections."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        queue: FakeJobQueue | None = None,
        engine: Callable[..., MemoryEngine] = MemoryEngine,
        hook: Hook | None = None,
        publishing: PublishingPorts | None = None,
    ) -> None:
        """`environment` changes settings. Without a queue or a hook there is none. `engine` takes the tables."""
        self.clock, self.gather, self.poster = FakeClock(), InterleavingGather(), FakePoster()
        self.observer = FakeObserver()
        self.store = engine(ENVIRONMENT["CHAT_CONVERSATIONS_TABLE"], ENVIRONMENT["CHAT_CONNECTIONS_TABLE"])
        self.chat: Application = build(
            Settings.from_environment({**ENVIRONMENT, **(environment or {})}),
            dynamo_client=self.store,
            poster=self.poster,
            queue=queue,
            hook=hook,
            publishing=publishing,
            clock=self.clock,
            gather=self.gather,
            observer=self.observer,
        )

    # ---- preparation -----------------------------------------------------------------------------------

    def create_conversation(self, owner: str, *others: str, **fields: Any) -> str:
        """Create an open conversation and return its id. `fields` are those of the request."""
        participants = [NewParticipant(participant_id=other, name=other) for other in others]
        fields = {"title": "Trip", "participants": participants, "join_policy": "open", **fields}
        outcome = self.chat.conversations.creation.create(principal(owner), CreateConversation(**fields))
        return str(outcome.response["conversation_id"])

    def add(self, owner: str, conversation_id: str, participant_id: str, role: Role = "member") -> Result:
        """Add a participant with a role."""
        request = NewParticipant(participant_id=participant_id, name=participant_id, role=role)
        return self.chat.conversations.additions.add(principal(owner), conversation_id, request)

    def send_message(self, sender: str, conversation_id: str, content: str = "hello", **fields: Any) -> int:
        """Send a message and return its sequence id. `fields` are those of the request."""
        message = SendMessage(content=content, **fields)
        sent = self.chat.messaging.sender.send(principal(sender), conversation_id, message)
        return int(sent.event["sequence_id"])

    def connect(self, connection_id: str, participant_id: str, *subscribed: str) -> None:
        """Open a connection that sends `hello` and subscribes to conversations."""
        expires_at = int(self.clock.now()) + TOKEN_LIFETIME
        identity = Identity(participant_id, participant_id, expires_at)
        self.chat.sessions.connections.open(connection_id, identity)
        subscriptions = [{"conversation_id": conversation_id} for conversation_id in subscribed]
        self.send_frame(connection_id, type="hello", subscribe=subscriptions)

    def send_frame(self, connection_id: str, **frame: Any) -> list[dict[str, Any]]:
        """Return the replies to a frame, and deliver its pushes."""
        reply = self.chat.sessions.dispatcher.receive(connection_id, json.dumps(frame))
        self.chat.realtime.fan_out.deliver(reply.pushes, within=5)
        return reply.replies

    # ---- state -----------------------------------------------------------------------------------------

    def head(self, conversation_id: str) -> Head:
        """Return the head of a conversation that exists."""
        head = self.chat.stores.event_log.head(conversation_id)
        assert head is not None
        return head

    def events(self, conversation_id: str) -> list[Event]:
        """Return the log."""
        last = self.head(conversation_id).sequence_id
        return [stored.event for stored in self.chat.stores.event_log.events(conversation_id, 1, last)]

    def member(self, conversation_id: str, participant_id: str) -> Membership:
        """Return the membership of a member."""
        member = self.chat.stores.memberships.membership(conversation_id, participant_id)
        assert member is not None
        return member

    def posted(self, connection_id: str, frame_type: str | None = None) -> list[dict[str, Any]]:
        """Return the frames that were posted to a connection, in order, perhaps only those of one type."""
        return [
            post.frame
            for post in self.poster.posts
            if post.connection_id == connection_id and frame_type in (None, post.frame["type"])
        ]


def principal(participant_id: str, kind: ParticipantType = "human") -> Principal:
    """Return a caller whose name is the id."""
    return Principal(participant_id, participant_id, kind)
