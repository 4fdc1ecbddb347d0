"""A WebSocket client for tests: frames are checked, kept in order, and consumed by patterns.

A `Socket` is used by one thread at a time.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.support.checking import check_frame
from tests.support.unpacking import unpacked

TIMEOUT = 15.0
"""Seconds to wait for a frame on a busy machine."""
UNANSWERED = 0.1
"""Seconds after which a command without a reply has been handled: longer than the gateway delays a frame."""
STATE_COMMANDS = ("hello", "subscribe", "unsubscribe", "typing")
"""Commands with a number by which later ones win, whichever is handled first."""

Frame = dict[str, Any]


class Socket:
    """One open socket.

    Frames that were received and not consumed are in `inbox`, in the order of arrival; a push of several events is
    there as one entry for each event (`unpacking.py`).
    """

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, offers: Sequence[str] = ()) -> None:
        """Open it. `offers` are subprotocols.

        Raises:
            websockets.exceptions.InvalidStatus: the handshake was rejected; see `error.response.status_code`.
        """
        self._connection: ClientConnection = connect(
            url,
            additional_headers=dict(headers or {}),
            subprotocols=[Subprotocol(offer) for offer in offers] or None,
            open_timeout=TIMEOUT,
            close_timeout=TIMEOUT,
            ping_interval=None,
            compression=None,
            max_size=None,
            max_queue=None,
            proxy=None,
            legacy=True,
        )
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)
        self._unanswered: dict[str, float] = {}
        """When each command was sent whose reply, if there is one, has not been received; by id."""
        self.inbox: list[Frame] = []
        self.pushes_of_events: list[list[int]] = []
        """The sequence ids in each `events` push."""
        self.connection_id = ""
        """Known once a `welcome` was received."""

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose."""
        return self._connection.subprotocol

    # ---- sending ---------------------------------------------------------------------------------------

    def send(self, command: str, **fields: Any) -> None:
        """Send a command without waiting. Frames overtake each other: state commands get a rising `n`."""
        if command in STATE_COMMANDS:
            fields.setdefault("n", next(self._numbers))
        self._unanswered[fields.get("id", command)] = time.monotonic()
        self.send_text(json.dumps({"type": command, **fields}, ensure_ascii=False))

    def send_text(self, text: str | bytes) -> None:
        """Send a text frame, or a binary one if it is bytes."""
        self._connection.send(text)

    def send_fragments(self, pieces: Sequence[str]) -> None:
        """Send one text message in several frames."""
        self._connection.send(pieces)

    def request(self, command: str, **fields: Any) -> Frame:
        """Send a command with a new `id`; return the first reply to it."""
        return self.receive_reply(self.send_with_id(command, **fields))

    def send_with_id(self, command: str, **fields: Any) -> str:
        """Send a command with a new `id`, and return the id."""
        number = f"command-{next(self._ids)}"
        self.send(command, id=number, **fields)
        return number

    def receive_reply(self, number: str) -> Frame:
        """Return the first reply to a command with this id."""
        return self.expect_frame(id=number)

    # ---- receiving -------------------------------------------------------------------------------------

    def expect_frame(self, *, within: float = TIMEOUT, **wanted: Any) -> Frame:
        """Wait for a frame that matches `wanted` (nested objects likewise), and consume it.

        Other frames stay in the inbox, in order. Fails the test after `within` seconds, or if the connection is
        closed first.
        """
        deadline = time.monotonic() + within
        looked_at = 0
        while True:
            for index in range(looked_at, len(self.inbox)):
                if matches(self.inbox[index], wanted):
                    self._unanswered.pop(self.inbox[index].get("id", ""), None)
                    return self.inbox.pop(index)
            looked_at = len(self.inbox)
            try:
                self._listen(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                raise AssertionError(f"not heard within {within} s: {wanted}; but: {self.inbox}") from None
            except ConnectionClosed as closed:
                raise AssertionError(f"{closed}, while waiting for {wanted}; but: {self.inbox}") from None

    def received_frames(self, **wanted: Any) -> list[Frame]:
        """Return all matching frames that arrive before the reply to a ping, without consuming them.

        Posts to a connection arrive in the order in which they were accepted, so everything that was posted before
        this call has arrived. The ping can overtake a command that was not answered: then it is repeated for a
        while.
        """
        last = max(self._unanswered.values(), default=0.0)
        self._unanswered.clear()
        self.request("ping")
        while time.monotonic() < last + UNANSWERED:
            self.request("ping")
        return [frame for frame in self.inbox if matches(frame, wanted)]

    def expect_no_frame(self, **wanted: Any) -> None:
        """Check that no matching frame was posted until now; without arguments, none that is not consumed."""
        received = self.received_frames(**wanted)
        assert not received, f"heard what it should not: {received}"

    def discard_frames(self) -> None:
        """Consume all frames that were posted until now."""
        self.received_frames()
        self.inbox.clear()

    def _listen(self, seconds: float) -> None:
        text = self._connection.recv(timeout=seconds)
        assert isinstance(text, str), "a binary frame"
        frame = check_frame(text)
        if frame.get("type") == "welcome":
            self.connection_id = frame["connection_id"]
        if frame.get("type") == "events":
            self.pushes_of_events.append([event["sequence_id"] for event in frame["events"]])
        self.inbox += unpacked(frame)

    # ---- closing ---------------------------------------------------------------------------------------

    def expect_close(self, *, within: float = TIMEOUT) -> int:
        """Wait until the server closes the connection; return the close code. Fails the test if it stays open."""
        deadline = time.monotonic() + within
        while True:
            try:
                self._listen(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                raise AssertionError(f"still open after {within} s; heard: {self.inbox}") from None
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else 1006

    def close(self) -> None:
        """Close the connection; may be called again."""
        self._connection.close()

    def abort(self) -> None:
        """Drop the TCP connection without a close frame."""
        self._connection.close_socket()


def matches(value: Any, wanted: Any) -> bool:
    """Whether `value` contains all of `wanted`; objects are compared recursively, all else by equality."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            name in value and matches(value[name], pattern) for name, pattern in wanted.items()
        )
    return bool(value == wanted)
