"""A client, a server, and a network between them whose faults are chosen by the test."""

from __future__ import annotations

import random

from serverless_chat.core.client import Client
from serverless_chat.core.frames import size
from serverless_chat.core.outputs import (
    CloseSocket,
    Discarded,
    Forget,
    JsonObject,
    OpenSocket,
    Output,
    PostBatch,
    Prepended,
    Replaced,
    RequestToken,
    Save,
    SendFrame,
)
from serverless_chat.durable import DurableStorage
from serverless_chat.storage import MemoryStorage

from tests.clients.python.judge import Judge
from tests.conformance.gateway import ME, Addressed, Gateway, Session

CONVERSATIONS = ["conv_a", "conv_b"]
SETTLING_SECONDS = 10.0
READ_SECONDS = 30.0
"""Read marks are no part of L9: they may take longer."""
SETTLING_ROUNDS = 2_000
FRAME_BYTES = 32_768
WINDOW = 40


class FullStorage(MemoryStorage):
    """Storage whose writes fail while it is full."""

    is_full = False

    def save(self, key: str, value: JsonObject) -> None:
        if self.is_full:
            raise OSError("no space left")
        super().save(key, value)


class World:
    """Everything that happens is one method call; none of them waits."""

    def __init__(self, seed: int = 0, resume: bool = False, window: int | None = None) -> None:
        self.now = 1_800_000_000.0
        self.server = Gateway(*CONVERSATIONS)
        self.judge = Judge(self.server)
        self.storage = FullStorage()
        self.posts: list[PostBatch] = []
        self.crash_in: int | None = None
        """After how many outputs the process of the client ends; None: it does not."""
        self.older_wanted: set[str] = set()
        self.to_server: list[Addressed] = []
        self.to_client: list[Addressed] = []
        self.socket: int | None = None
        self.failing_tokens = 0
        self.failing_handshakes = 0
        self.sends = 0
        self._former: list[JsonObject] = []
        self._resume, self._window = resume, window
        self._random = random.Random(seed)
        self._start()

    # The user

    def send(self, conversation_id: str, length: int = 1) -> str:
        self.sends += 1
        key = f"m{self.sends:04d}"
        self.judge.sent.setdefault(conversation_id, []).append(key)
        self.client.send(conversation_id, key, {"content": f"text of {key} " * length}, self.now)
        self.drain()
        return key

    def read(self, conversation_id: str, index: int) -> None:
        if conversation_id in self.judge.shown:
            self.client.read(conversation_id, self.now, self.client.position(conversation_id) - index)
            self.drain()

    def reopen(self, conversation_id: str, is_drained: bool) -> None:
        self.client.close(conversation_id)
        self.older_wanted.discard(conversation_id)
        self.judge.shown.pop(conversation_id, None)
        if is_drained:
            self._carry_out_all()
        self._open_conversation(conversation_id)
        self.drain()

    def update(self, conversation_id: str, kind: str, index: int) -> None:
        messages = self.client.messages(conversation_id)
        if not messages:
            return
        message = messages[index % len(messages)]
        target = message.sequence_id if message.status == "sent" else message.client_message_id
        fields = {"edit": {"content": f"edited {index}"}, "react": {"emoji": "🎉"}}.get(kind, {})
        assert target is not None
        self.client.update(conversation_id, kind, target, fields, self.now)
        left = {kept.client_message_id for kept in self.client.messages(conversation_id)}
        if message.client_message_id and message.client_message_id not in left:
            self.judge.discarded.add(message.client_message_id)  # never attempted, or failed
        self.drain()

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
        if self.client.older(conversation_id, self.now):
            self.older_wanted.add(conversation_id)
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

    def post(self, index: int, is_executed: bool = True, is_answered: bool = True) -> None:
        """Let the server execute a request by HTTP; without an answer, the client gets an error."""
        if self.posts:
            post = self.posts.pop(index % len(self.posts))
            batch = {"type": "batch", "commands": post.commands}
            body = self.server.execute_request(batch) if is_executed else None
            if body is not None:
                self.to_client += body[1]
            self.client.batch_posted(post.request_id, body[0] if body and is_answered else None, self.now)
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
        self.durable.repeat()
        self.client.advance(self.now)
        self.drain()

    def restore(self, kept: int) -> None:
        """Restore the server from a backup; sockets and frames of the former one end."""
        self._former = [frame for _, frame in self.to_client]
        self.server.restore(kept)
        self.to_server.clear()
        self.posts.clear()
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
        self._forget_unsaved()
        self._start()

    def _forget_unsaved(self) -> None:
        """Forget the sends that were never stored; those that left the storage are in the log, or discarded."""
        stored = {value.get("client_message_id") for value in self.storage.load().values()}
        for conversation_id, keys in self.judge.sent.items():
            logged = {event.get("client_message_id") for event in self.server.logs[conversation_id]}
            for key in keys:
                if key in logged - stored and key not in self.judge.resolved_in:
                    self.judge.resolved_in[key] = {self.server.history_id}
            keys[:] = [key for key in keys if key in stored or key in self.judge.resolved_in]

    def _start(self) -> None:
        self.socket = None
        self.crash_in = None
        self.posts.clear()
        self.older_wanted.clear()
        self.durable = DurableStorage(self.storage)
        self.client = Client(self.storage.load(), self._random.random)
        for conversation_id in CONVERSATIONS:
            self._open_conversation(conversation_id)
        self.client.start(self.now)
        self.drain()

    def _open_conversation(self, conversation_id: str) -> None:
        self.client.open(conversation_id, self.now, resume=self._resume, window=self._window)

    def drain(self) -> None:
        """Carry out all outputs, and judge the state after them."""
        if self._carry_out_all():
            self.judge.check(self.client, CONVERSATIONS)
        else:
            self.crash()

    def _carry_out_all(self) -> bool:
        """Return whether the process of the client survived."""
        for output in self.client.outputs():
            if self.crash_in is not None:
                self.crash_in -= 1
                if self.crash_in < 0:
                    return False
            self._carry_out(output)
        return True

    def _carry_out(self, output: Output) -> None:
        match output:
            case Save() | Forget():
                self.durable.carry_out(output)
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
                if self.durable.may_send({"type": "batch"}):
                    self.posts.append(output)
            case Prepended() | Replaced() | Discarded():
                self.older_wanted.discard(output.conversation_id)
                self.judge.notify(output)
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
        if self.socket is not None and self.durable.may_send(frame):
            assert size(frame) <= FRAME_BYTES
            self.to_server.append((self.socket, frame))

    # The end

    def settle(self) -> None:
        """End all faults; the client has ten seconds from here."""
        self.server.busy = self.failing_tokens = self.failing_handshakes = 0
        self.server.is_refusing = self.storage.is_full = False
        self.crash_in = None
        self.durable.repeat()
        self.client.online(self.now)
        self.drain()
        for conversation_id in CONVERSATIONS:
            self.retry_or_discard(conversation_id, is_retry=True)
        end = self.now + SETTLING_SECONDS
        self._flow_until(end)
        self._judge_the_end()
        self._flow_until(end + READ_SECONDS)
        self._judge_read_marks()

    def _flow_until(self, end: float) -> None:
        for _ in range(SETTLING_ROUNDS):
            if self.posts:
                self.post(0)
            elif self.to_server:
                self.execute(0)
            elif self.to_client:
                self.deliver(0)
            elif (delay := self.client.next_timer(self.now)) is None or self.now + delay > end:
                break
            else:
                self.advance(delay)

    def _judge_the_end(self) -> None:
        for conversation_id in CONVERSATIONS:
            log = self.server.logs[conversation_id]
            shown = self.judge.shown[conversation_id]
            assert [event["sequence_id"] for event in shown[-1:]] == [len(log)] or self._has_resumed(log, shown)
            assert all(message.status == "sent" for message in self.client.messages(conversation_id))
        assert not self.older_wanted, "a page of older events never came"

    def _judge_read_marks(self) -> None:
        for conversation_id, log in self.server.logs.items():
            server, client = (
                self.server.read_up_to.get(conversation_id, 0),
                self.client.read_state(conversation_id)[0],
            )
            unread = [event for event in log[server:client] if event["sender"] != ME]
            assert unread == [], "a read mark was lost"

    def _has_resumed(self, log: list[JsonObject], shown: list[JsonObject]) -> bool:
        """Whether nothing is shown because the position at the restart was that of the head."""
        positions = [value.get("sequence_id") for value in self.storage.load().values()]
        return self._resume and not shown and len(log) in positions
