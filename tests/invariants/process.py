"""An invocation of the application, called as the edge calls it: frames of sockets, and HTTP requests."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from chalicelib.core.protocol.frames import Frame
from chalicelib.core.realtime.outbox import DirectReply
from chalicelib.identity.model import Identity
from tests.invariants.http_requests import HttpRequests
from tests.support.fakes import START_TIME
from tests.support.unpacking import answers

TOKEN_EXPIRY = int(START_TIME) + 3600
UPDATE_COMMANDS = ("edit", "delete", "react", "unreact")
"""Commands that update a message."""


class Process(HttpRequests):
    """One invocation of the application, called as the edge calls it."""

    def connect(self, socket: str) -> None:
        """`$connect` with a valid token."""
        owner = self.harness.owner_id(socket)
        name = socket.rstrip("0123456789").title()
        self.app.sessions.connections.open(self.harness.connection_id(socket), Identity(owner, name, TOKEN_EXPIRY))

    def send_frame(self, socket: str, command: str, **fields: Any) -> list[Frame]:
        """`$default`: handle one frame and return the replies, whether or not they could be posted."""
        return self.send_frame_at(None, socket, command, **fields)

    def send_frame_at(self, received_at: int | None, socket: str, command: str, **fields: Any) -> list[Frame]:
        """Handle a frame that the gateway received at this time (ms), by default that of the process's clock."""
        connection_id = self.harness.connection_id(socket)
        if command in ("subscribe", "unsubscribe", "sync", "message", "read", "typing", *UPDATE_COMMANDS):
            fields.setdefault("conversation_id", self.harness.conversation)
        frame = json.dumps({"type": command, **fields})
        reply = self.app.sessions.dispatcher.receive(connection_id, frame, received_at)
        with contextlib.suppress(Exception):  # as the edge does: an acknowledged message is committed
            if reply.close_with is not None:
                self.app.realtime.fan_out.disconnect(connection_id, reply.close_with)
            answer = DirectReply(connection_id, reply.generation, reply.replies)
            self.app.realtime.fan_out.deliver(reply.pushes, within=5.0, reply=answer)
        return reply.replies

    def send_message(self, socket: str, text: str, key: str, **fields: Any) -> Frame:
        """Send a message over a socket and return the reply."""
        (answer,) = self.send_frame(socket, "message", client_message_id=key, content=text, **fields)
        return answer

    def send_batch(self, socket: str, *commands: dict[str, Any]) -> list[Frame]:
        """Send a batch for the conversation over a socket and return the results, or its error."""
        listed = [{"conversation_id": self.harness.conversation, **command} for command in commands]
        (answer,) = self.send_frame(socket, "batch", commands=listed)
        return answers(answer)

    def disconnect(self, socket: str) -> None:
        """`$disconnect`."""
        with contextlib.suppress(Exception):  # as the edge does: rows that remain expire
            self.app.realtime.fan_out.deliver(
                self.app.sessions.connections.close(self.harness.connection_id(socket)), within=5.0
            )
