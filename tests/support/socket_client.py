"""A WebSocket for tests: what it hears is checked, kept in order, and taken out by what it must look like.

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

PATIENCE = 15.0
"""Seconds that anything may take on a busy machine before the test fails."""

Frame = dict[str, Any]


class Socket:
    """One open socket. What was heard and not yet asked for waits in `inbox`, in the order of arrival."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, offers: Sequence[str] = ()) -> None:
        """Open it. `offers` are subprotocols.

        Raises:
            websockets.exceptions.InvalidStatus: the handshake was refused; `error.response.status_code` says how.
        """
        self._connection: ClientConnection = connect(
            url,
            additional_headers=dict(headers or {}),
            subprotocols=[Subprotocol(each) for each in offers] or None,
            open_timeout=PATIENCE,
            close_timeout=PATIENCE,
            ping_interval=None,
            compression=None,
            max_size=None,
            max_queue=None,
            proxy=None,
            legacy=True,
        )
        self._ids = itertools.count(1)
        self.inbox: list[Frame] = []
        self.connection_id = ""
        """What the server calls it, once a `welcome` was heard."""

    @property
    def subprotocol(self) -> str | None:
        """What the server chose of the offers."""
        return self._connection.subprotocol

    # ---- saying ----------------------------------------------------------------------------------------

    def sends(self, command: str, **fields: Any) -> None:
        """Send a command and wait for nothing."""
        self.sends_text(json.dumps({"type": command, **fields}, ensure_ascii=False))

    def sends_text(self, text: str | bytes) -> None:
        """Send a text frame as it is, or a binary one if it is bytes."""
        self._connection.send(text)

    def sends_in_pieces(self, pieces: Sequence[str]) -> None:
        """Send one text message in several frames."""
        self._connection.send(pieces)

    def asks(self, command: str, **fields: Any) -> Frame:
        """Send a command with an `id` of its own; the first direct answer to it."""
        return self.answer_to(self.sends_numbered(command, **fields))

    def sends_numbered(self, command: str, **fields: Any) -> str:
        """Send a command with an `id` of its own, and tell the id."""
        number = f"command-{next(self._ids)}"
        self.sends(command, id=number, **fields)
        return number

    def answer_to(self, number: str) -> Frame:
        """The first direct answer to a numbered command."""
        return self.hears(id=number)

    # ---- hearing ---------------------------------------------------------------------------------------

    def hears(self, *, within: float = PATIENCE, **wanted: Any) -> Frame:
        """Wait for a frame that has all of `wanted` (objects in it likewise), and take it out of the inbox.

        Frames that do not match stay, in order, for later. Fails the test after `within` seconds, or when the
        socket is closed first.
        """
        deadline = time.monotonic() + within
        looked_at = 0
        while True:
            for index in range(looked_at, len(self.inbox)):
                if matches(self.inbox[index], wanted):
                    return self.inbox.pop(index)
            looked_at = len(self.inbox)
            try:
                self._listen(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                raise AssertionError(f"not heard within {within} s: {wanted}; but: {self.inbox}") from None
            except ConnectionClosed as closed:
                raise AssertionError(f"{closed}, while waiting for {wanted}; but: {self.inbox}") from None

    def has_heard(self, **wanted: Any) -> list[Frame]:
        """What matches of all that comes before the answer to a ping that is sent now; nothing is taken out.

        Posts to one socket arrive in the order in which they were accepted, so whatever was posted before this
        call was made has arrived.
        """
        self.asks("ping")
        return [frame for frame in self.inbox if matches(frame, wanted)]

    def hears_nothing(self, **wanted: Any) -> None:
        """Nothing that matches was posted until now. Without arguments: nothing at all that is not yet taken."""
        heard = self.has_heard(**wanted)
        assert not heard, f"heard what it should not: {heard}"

    def forgets(self) -> None:
        """Empty the inbox of everything that was posted until now."""
        self.has_heard()
        self.inbox.clear()

    def _listen(self, seconds: float) -> None:
        text = self._connection.recv(timeout=seconds)
        assert isinstance(text, str), "a binary frame"
        frame = check_frame(text)
        if frame.get("type") == "welcome":
            self.connection_id = frame["connection_id"]
        self.inbox.append(frame)

    # ---- ending ----------------------------------------------------------------------------------------

    def is_closed_by_server(self, *, within: float = PATIENCE) -> int:
        """Wait until the server closes it; the close code. Fails the test if it stays open."""
        deadline = time.monotonic() + within
        while True:
            try:
                self._listen(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                raise AssertionError(f"still open after {within} s; heard: {self.inbox}") from None
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else 1006

    def close(self) -> None:
        """Close it properly; may be called again."""
        self._connection.close()

    def breaks(self) -> None:
        """Lose the TCP connection without a word of goodbye."""
        self._connection.close_socket()


def matches(value: Any, wanted: Any) -> bool:
    """Whether `value` has all that `wanted` has; objects are compared so at every depth, all else by equality."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            name in value and matches(value[name], each) for name, each in wanted.items()
        )
    return bool(value == wanted)
