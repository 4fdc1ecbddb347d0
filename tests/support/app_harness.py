"""The whole application on a store in memory, with a fake poster and an interleaving gather."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.bootstrap import Application, build
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.kernel.metrics import Observer
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol.requests import CreateConversation, NewParticipant
from chalicelib.identity.model import Identity
from chalicelib.settings import Settings
from tests.support.fakes import FakePoster, InterleavingGather
from tests.support.memory_store import MemoryStore

ENVIRONMENT = {
    "CHAT_CONVERSATIONS_TABLE": "conversations",
    "CHAT_CONNECTIONS_TABLE": "connections",
    "CHAT_MANAGEMENT_ENDPOINT": "http://127.0.0.1:9/unused",
    "CHAT_JWT_SECRET": "a-secret-for-the-tests-of-the-core",
    "AWS_REGION": "us-east-1",
}


class AppHarness:
    """An application, and shortcuts to prepare conversations and connections."""

    def __init__(self) -> None:
        self.gather, self.poster = InterleavingGather(), FakePoster()
        self._store = MemoryStore()
        settings = Settings.from_environment(ENVIRONMENT)
        self.chat: Application = build(
            settings, dynamo_client=self._store, poster=self.poster, clock=SystemClock(), gather=self.gather
        )

    def with_observer(self, observer: Observer) -> Application:
        """Return the same application with an observer."""
        return build(self.chat.settings, dynamo_client=self._store, poster=self.poster, observer=observer)

    def create_conversation(self, owner: str, *others: str) -> str:
        """Create an open conversation and return its id."""
        participants = [NewParticipant(participant_id=other, name=other) for other in others]
        request = CreateConversation(title="Trip", participants=participants, join_policy="open")
        outcome = self.chat.conversations.lifecycle.create(Principal(owner, owner), request)
        return str(outcome.response["conversation_id"])

    def connect(self, connection_id: str, participant_id: str, *subscribed: str) -> None:
        """Open a connection that says hello and subscribes to conversations."""
        until = int(self.chat.runtime.clock.now()) + 3600
        self.chat.sessions.connections.open(connection_id, Identity(participant_id, participant_id, until))
        subscriptions = [{"conversation_id": conversation_id} for conversation_id in subscribed]
        self.send_frame(connection_id, type="hello", subscribe=subscriptions)

    def send_frame(self, connection_id: str, **frame: Any) -> list[dict[str, Any]]:
        """Return the replies to a frame, and deliver its pushes."""
        reply = self.chat.sessions.dispatcher.receive(connection_id, json.dumps(frame))
        self.chat.realtime.fan_out.deliver(reply.pushes, within=5)
        return reply.replies
