"""A client, a server, and a network between them whose faults are chosen by the test."""

from __future__ import annotations

import random
from itertools import islice

from serverless_chat.core.client import Client
from serverless_chat.core.outputs import (
    CloseSocket,
    Forget,
    JsonObject,
    OpenSocket,
    Output,
    PostBatch,
    RequestToken,
    Save,
    SendFrame,
)
from serverless_chat.storage import MemoryStorage

from tests.clients.python.judge import Judge
from tests.clients.python.simulated_server import Addressed, Session, SimulatedServer

CONVERSATIONS = ["conv_a", "conv_b"]
SETTLING_SECONDS = 10.0
SETTLING_ROUNDS = 1_000


class World:
    """Everything that happens is one method call; none of them waits."""

    def __init__(self, seed: int = 0, resume: bool = False) -> None:
        self.now = 1_800_000_000.0
        self.server = SimulatedServer(*CONVERSATIONS)
        self.judge = Judge(self.server)
        self.storage = MemoryStorage()
        self.to_server: list[Addressed] = []
        self.to_client: list[Addressed] = []
        self.socket: int | None = None
        self.failing_tokens = 0
        self.failing_handshakes = 0
        self.sends = 0
        self._former: list[JsonObject] = []
        self._resume = resume
        self._random = random.Random(seed)
        self._start()

    # The user

    def send(self, conversation_id: str) -> str:
        self.sends += 1
        key = f"m{self.sends:04d}"
        self.judge.sent.setdefault(conversation_id, []).append(key)
        self.client.send(conversation_id, key, {"content": f"text of {key}"}, self.now)
        self.drain()
        return key

    def update(self, conversation_id: str, kind: str, index: int) -> None:
        messages = self.client.messages(conversation_id)
        if not messages:
            return
        message = messages[index % len(messages)]
        target = message.sequence_id if message.status == "sent" else message.client_message_id
        fields = {"edit": {"content": f"edited {index}"}, "react": {"emoji": "🎉"}}.get(kind, {})
        if kind == "delete" and self._will_vanish(conversation_id, message.client_message_id):
            self.judge.discarded.add(str(message.client_message_id))
        assert target is not None
        self.client.update(conversation_id, kind, target, fields, self.now)
        self.drain()

    def _will_vanish(self, conversation_id: str, key: str | None) -> bool:
        """Whether a deletion takes the message out of the outbox: it failed, or was never attempted."""
        items = [value for value in self.storage.load().values() if "is_attempted" in value]
        stored = [value for value in items if value["client_message_id"] == key]
        return any(value["error"] or not value["is_attempted"] for value in stored)

    def retry_or_discard(self, conversation_id: str, is_retry: bool) -> None:
        for message in self.client.messages(conversation_id):
            if message.status == "failed":
                key = str(message.client_message_id)
                if is_retry:
                    self.client.retry(conversation_id, key, self.now)
                else:
                    self.judge.discarded.add(key)
                    self.client.discard(conversation_id, key, self.now)
        self.drain()

    def older(self, conversation_id: str) -> None:
        self.client.older(conversation_id, self.now)
        self.drain()

    def other_sends(self, conversation_id: str, count: int = 1) -> None:
        for number in range(count):
            event = {"type": "message", "sender": {"participant_id": "bob"}, "content": str(number)}
            self.to_client += self.server.append(conversation_id, event)

    # The network

    def execute(self, index: int, is_answered: bool = True) -> None:
        """Let the server execute any of the frames on their way; without an answer, its replies are lost."""
        if self.to_server:
            socket, frame = self.to_server.pop(index % len(self.to_server))
            answers = self.server.execute(socket, frame)
            self.to_client += answers if is_answered else []

    def deliver(self, index: int, is_kept: bool = False) -> None:
        """Deliver any of the frames on their way to the client; a kept one is delivered again later."""
        if self.to_client:
            index %= len(self.to_client)
            socket, frame = self.to_client[index] if is_kept else self.to_client.pop(index)
            self.client.receive(socket, frame, self.now)
            self.drain()

    def lose(self, frames: list[Addressed], index: int) -> None:
        if frames:
            frames.pop(index % len(frames))

    def close_socket(self) -> None:
        if self.socket is not None:
            socket, self.socket = self.socket, None
            self.server.sessions.pop(socket, None)
            self.client.socket_closed(socket, self.now)
            self.drain()

    def half_open(self) -> None:
        """The server loses the connection, and the client does not notice."""
        if self.socket is not None:
            self.server.sessions.pop(self.socket, None)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.client.advance(self.now)
        self.drain()

    def restore(self, kept: int) -> None:
        """Restore the server from a backup; sockets and frames of the former one end."""
        self._former = [frame for _, frame in self.to_client]
        self.server.restore(kept)
        self.to_server.clear()
        self.close_socket()

    def echo(self, index: int) -> None:
        """Deliver a frame of the former history: functions with the old configuration answer for a while."""
        if self._former and self.socket is not None:
            self.client.receive(self.socket, self._former[index % len(self._former)], self.now)
            self.drain()

    # The client's process

    def crash(self) -> None:
        """End the process of the client, and start it again from its storage."""
        if self.socket is not None:
            self.server.sessions.pop(self.socket, None)
        self.judge.restarted()
        self._start()

    def crash_after(self, outputs: int) -> None:
        """Carry out a part of the outputs of the next timer, and end the process there."""
        self.now += 1.0
        self.client.advance(self.now)
        for output in islice(self.client.outputs(), outputs):
            self._carry_out(output)
        self.crash()

    def crash_while_sending(self, conversation_id: str, outputs: int) -> None:
        """End the process between the outputs of a send; an unsaved message was never acknowledged to the user."""
        self.sends += 1
        key = f"m{self.sends:04d}"
        self.client.send(conversation_id, key, {"content": key}, self.now)
        for output in islice(self.client.outputs(), outputs):
            self._carry_out(output)
        if any(value.get("client_message_id") == key for value in self.storage.load().values()):
            self.judge.sent.setdefault(conversation_id, []).append(key)
        self.crash()

    def _start(self) -> None:
        self.socket = None
        self.client = Client(self.storage.load(), self._random.random)
        for conversation_id in CONVERSATIONS:
            self.client.open(conversation_id, self.now, resume=self._resume)
        self.client.start(self.now)
        self.drain()

    def drain(self) -> None:
        """Carry out all outputs, and judge the state after them."""
        for output in self.client.outputs():
            self._carry_out(output)
        self.judge.check(self.client, CONVERSATIONS)

    def _carry_out(self, output: Output) -> None:
        match output:
            case Save(key, value):
                self.storage.save(key, value)
            case Forget(key):
                self.storage.forget(key)
            case RequestToken():
                self._request_token()
            case OpenSocket(socket):
                self._open(socket)
            case CloseSocket():
                if self.socket is not None:
                    self.server.sessions.pop(self.socket, None)
                self.socket = None
            case SendFrame(frame):
                self._send_frame(frame)
            case PostBatch():
                raise AssertionError("no message here is that long")
            case _:
                self.judge.notify(output)

    def _request_token(self) -> None:
        if self.failing_tokens:
            self.failing_tokens -= 1
            self.client.token_failed(self.now)
        else:
            self.client.token_received("token", self.now)

    def _open(self, number: int) -> None:
        """Open a socket; the server's name for it is never used again, as a process counts from one."""
        if self.failing_handshakes:
            self.failing_handshakes -= 1
            self.client.socket_closed(number, self.now)
            return
        self.to_client = [(socket, frame) for socket, frame in self.to_client if socket != number]
        self.to_server = [(socket, frame) for socket, frame in self.to_server if socket != number]
        self.socket = number
        self.server.sessions[number] = Session()
        self.client.socket_opened(number, self.now)

    def _send_frame(self, frame: JsonObject) -> None:
        if self.socket is not None:
            self.to_server.append((self.socket, frame))

    # The end

    def settle(self) -> None:
        """End all faults; the client has ten seconds from here."""
        self.server.busy = self.failing_tokens = self.failing_handshakes = 0
        self.server.is_refusing = False
        self.client.online(self.now)
        self.drain()
        for conversation_id in CONVERSATIONS:
            self.retry_or_discard(conversation_id, is_retry=True)
        end = self.now + SETTLING_SECONDS
        for _ in range(SETTLING_ROUNDS):
            if self.to_server:
                self.execute(0)
            elif self.to_client:
                self.deliver(0)
            elif (delay := self.client.next_timer(self.now)) is None or self.now + delay > end:
                break
            else:
                self.advance(delay)
        self._judge_the_end()

    def _judge_the_end(self) -> None:
        for conversation_id in CONVERSATIONS:
            log = self.server.logs[conversation_id]
            shown = self.judge.shown[conversation_id]
            assert [event["sequence_id"] for event in shown[-1:]] == [len(log)] or self._has_resumed(log, shown)
            assert all(message.status == "sent" for message in self.client.messages(conversation_id))

    def _has_resumed(self, log: list[JsonObject], shown: list[JsonObject]) -> bool:
        """Whether nothing is shown because the position at the restart was that of the head."""
        positions = [value.get("sequence_id") for value in self.storage.load().values()]
        return self._resume and not shown and len(log) in positions
