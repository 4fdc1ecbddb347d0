"""People who chat in a closed loop, at a cost of a few tens of microseconds per frame.

One thread reads all connections and parses the frames itself: a WebSocket library per connection would take more
CPU time than the measured server, on the same cores. Each person has one message in flight and sends the next one
when it is acknowledged. A refused message is sent again when the protocol demands it.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import random
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .chat_clients import ClientFailed
from .http_conversation import HttpConversation
from .websocket_frames import command_frame, message_frame, open_websocket, take_payloads

ACK_TIMEOUT = 10.0
"""Seconds after which a message without an answer is sent again."""
SETUP_TIMEOUT = 60.0
_RECEIVE = 262_144


@dataclass(slots=True)
class Person:
    """One participant with one connection."""

    name: str
    sock: socket.socket
    received: bytearray = field(default_factory=bytearray)
    sequence_ids: list[int] = field(default_factory=list)
    """The pushed events, in order of arrival."""
    number: int = 0
    """The number of the message in flight."""
    is_waiting: bool = False
    sent_at: float = 0.0
    deadline: float = 0.0


@dataclass(slots=True)
class Results:
    """The results of a closed loop."""

    acked: dict[str, int] = field(default_factory=dict)
    """Sequence ids by client_message_id."""
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    timed_out: int = 0
    seconds: float = 0.0
    in_time: int = 0
    """Messages that were acknowledged within `seconds`, not those that were still in flight at the end."""


class People:
    """The participants of one conversation, connected and subscribed."""

    def __init__(self, http_url: str, ws_url: str, tokens: Mapping[str, str], others: Sequence[str] = ()) -> None:
        """Create the conversation, with `others` who stay offline, and connect. Raises ClientFailed, OSError."""
        self.conversation = HttpConversation(http_url, next(iter(tokens.values())), [*tokens, *others])
        self.conversation_id = self.conversation.conversation_id
        self.frames = 0
        """All frames that were received and sent."""
        self.last_frame_at = 0.0
        self._selector = selectors.DefaultSelector()
        self._members: list[Person] = []
        self._due: list[tuple[float, int]] = []
        self._results = Results()
        self._is_sending = False
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.close)
            for name, token in tokens.items():
                self._connect(name, ws_url, token)
            self._subscribe()
            on_failure.pop_all()

    def close(self) -> None:
        """Close all connections."""
        for member in self._members:
            member.sock.close()
        self._selector.close()

    def chat(self, seconds: float) -> Results:
        """Let all people send for so many seconds, and wait for the last acknowledgements."""
        self._results = results = Results()
        self._is_sending = True
        started = time.monotonic()
        for position in range(len(self._members)):
            self._send_next(position)
        while (now := time.monotonic()) < started + seconds:
            self._poll(min(0.05, started + seconds - now))
        results.seconds = time.monotonic() - started
        results.in_time = len(results.acked)
        self._is_sending = False
        end = time.monotonic() + 3 * ACK_TIMEOUT
        while any(member.is_waiting for member in self._members) and time.monotonic() < end:
            self._poll(0.05)
        return results

    def wait_for_pushes(self, expected: int, seconds: float) -> None:
        """Wait until each person has received so many events, at most so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(len(member.sequence_ids) < expected for member in self._members):
            self._poll(0.05)

    def pushed(self) -> list[list[int]]:
        """Return the sequence ids of the pushed events, by person."""
        return [member.sequence_ids for member in self._members]

    # ---- connections ----------------------------------------------------------------------

    def _connect(self, name: str, ws_url: str, token: str) -> None:
        sock, received = open_websocket(ws_url, token, SETUP_TIMEOUT)
        self._members.append(Person(name, sock, received))
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, len(self._members) - 1)

    def _subscribe(self) -> None:
        """Subscribe one by one; each is ready when its `subscribed` arrives."""
        for position, member in enumerate(self._members):
            member.is_waiting = True
            wanted = [{"conversation_id": self.conversation_id, "after": 0}]
            self._send(position, {"type": "hello", "id": "hello", "subscribe": wanted})
            end = time.monotonic() + SETUP_TIMEOUT
            while member.is_waiting:
                if time.monotonic() > end:
                    raise ClientFailed("a subscription was not answered")
                self._poll(0.05)
        for member in self._members:
            member.sequence_ids.clear()

    # ---- the loop --------------------------------------------------------------------------------------

    def _poll(self, seconds: float) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            self._resend(heapq.heappop(self._due)[1], now)
        if self._due:
            seconds = min(seconds, self._due[0][0] - now)
        for key, _ in self._selector.select(max(seconds, 0.0)):
            position: int = key.data
            member = self._members[position]
            try:
                data = member.sock.recv(_RECEIVE)
            except BlockingIOError:
                continue
            if not data:
                raise ClientFailed("the server closed a connection")
            member.received += data
            self.last_frame_at = time.monotonic()
            for payload in take_payloads(member.received):
                self.frames += 1
                if payload:
                    self._handle(position, member, payload)

    def _handle(self, position: int, member: Person, payload: bytes) -> None:
        self._handle_frame(position, member, json.loads(payload))

    def _handle_frame(self, position: int, member: Person, frame: dict[str, Any]) -> None:
        kind = frame.get("type")
        if kind == "events":
            member.sequence_ids += [event["sequence_id"] for event in frame["events"]]
        elif kind == "event":  # of a checkout before 0.2.0, for `--against`
            member.sequence_ids.append(frame["event"]["sequence_id"])
        elif kind == "message_ack":
            self._acknowledge(position, member, frame)
        elif kind == "subscribed":
            member.is_waiting = False
        elif (kind == "error" or kind is None) and self._is_busy(member):
            if kind == "error" and not frame.get("retryable"):
                raise ClientFailed(f"a message was rejected: {frame.get('code')}")
            self._results.refused += 1
            self._schedule(position, random.uniform(1, 2) * frame.get("retry_after", 1.0))

    def _is_busy(self, member: Person) -> bool:
        return member.is_waiting and member.number > 0

    def _acknowledge(self, position: int, member: Person, frame: Mapping[str, Any]) -> None:
        key: str = frame["client_message_id"]
        if not member.is_waiting or key != f"{member.name}:{member.number}":
            return  # of an attempt that was repeated meanwhile
        member.is_waiting = False
        self._results.acked[key] = frame["sequence_id"]
        self._results.latencies.append(time.monotonic() - member.sent_at)
        if self._is_sending:
            self._send_next(position)

    def _send_next(self, position: int) -> None:
        member = self._members[position]
        member.number += 1
        member.is_waiting = True
        member.sent_at = time.monotonic()
        self._send_message(position, member)

    def _send_message(self, position: int, member: Person) -> None:
        self._schedule(position, ACK_TIMEOUT)
        frame = message_frame(self._conversation_of(position), f"{member.name}:{member.number}")
        self.frames += 1
        member.sock.sendall(frame)

    def _conversation_of(self, position: int) -> str:
        """Return the conversation of the message in flight."""
        del position
        return self.conversation_id

    def _schedule(self, position: int, seconds: float) -> None:
        self._members[position].deadline = due = time.monotonic() + seconds
        heapq.heappush(self._due, (due, position))

    def _resend(self, position: int, now: float) -> None:
        member = self._members[position]
        if not self._is_busy(member) or member.deadline > now:
            return  # it has been answered, or a later time is scheduled
        self._results.timed_out += 1
        self._send_message(position, member)

    def _send(self, position: int, command: Mapping[str, Any]) -> None:
        self.frames += 1
        self._members[position].sock.sendall(command_frame(command))
