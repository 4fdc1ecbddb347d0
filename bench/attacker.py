"""A hostile participant with valid credentials: `python -m bench.attacker`, with an `Attack` as JSON on stdin.

It opens as many connections as it can, of which one is never read, and sends commands that are costly, useless or
malformed: for the first half of the time just below the limit on frames, then as fast as possible. Beside them,
threads send the most expensive HTTP requests without a pause. The result on stdout counts frames and answers.

The process has the lowest priority: it represents another machine, whose own use of the cores is not of interest.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from .chat_clients import ClientFailed
from .websocket_frames import HandshakeRefused, command_frame, open_websocket, text_frame

TIMEOUT = 10.0
FRAMES_PER_SECOND = 24
"""Just below the limit."""
FLOOD_PER_SECOND = 1_000
HANDSHAKES_PER_SECOND = 50
CONNECTIONS = 25
"""More than a participant may have."""
HTTP_THREADS = 16
_LONG = "x" * 9_000
_LISTENED = 65_536


@dataclass(frozen=True, slots=True)
class Attack:
    """The target of an attack, and its length."""

    http_url: str
    ws_url: str
    token: str
    conversation_id: str
    """A conversation that the attacker shares with the victims."""
    victims: list[str]
    seconds: float

    def to_json(self) -> str:
        """Return the line that the attacker reads."""
        return json.dumps(asdict(self))


def frames(attack: Attack) -> Iterator[tuple[str, bytes]]:
    """Yield endless WebSocket frames, each with the name of its kind."""
    shared = attack.conversation_id
    unknown = [f"00000000-0000-4000-8000-{number:012}" for number in range(99)]
    everything = [{"conversation_id": name, "after": 0} for name in (shared, *unknown)]
    for number in itertools.count(1):
        yield "sync", command_frame({"type": "sync", "conversation_id": shared, "after": 0, "id": "s"})
        yield (
            "typing",
            command_frame({"type": "typing", "conversation_id": shared, "is_typing": True, "n": number}),
        )
        yield (
            "react",
            command_frame({"type": "react", "conversation_id": shared, "target": 2 + number % 50, "emoji": "👍"}),
        )
        yield "invalid", text_frame(b"{" * 9_000)
        yield "unknown", command_frame({"type": "exploit", "id": str(number)})
        yield "send", command_frame(
            {
                "type": "message", "conversation_id": shared, "content": _LONG,
                "client_message_id": f"attack-{number}",
            }
        )  # fmt: skip
        yield "ping", command_frame({"type": "ping", "heads": dict.fromkeys((shared, *unknown), 1)})
        yield "hello", command_frame({"type": "hello", "subscribe": everything, "n": number, "id": "h"})


def requests(attack: Attack) -> Iterator[tuple[str, str, object]]:
    """Yield endless HTTP requests: method, path and body."""
    shared = f"/conversations/{attack.conversation_id}"
    people = [{"participant_id": name, "name": name} for name in attack.victims]
    while True:
        yield "GET", f"{shared}/events?after=0&limit=100", None
        yield "GET", f"{shared}/messages?limit=100", None
        yield "GET", "/conversations?limit=100", None
        yield "POST", "/conversations", {"title": "Spam", "participants": people}
        yield "POST", f"{shared}/participants", people[0]
        yield "POST", f"{shared}/messages", {"content": _LONG}
        yield "PUT", f"{shared}/messages/2/reactions", {"emoji": "🎉"}
        yield "GET", "/me/export", None
        yield "POST", f"{shared}/join", {"invite": "guessed"}
        yield "GET", "/openapi.json", None


class Attacker:
    """One run of the attack; `counts` has the frames and answers by kind."""

    def __init__(self, attack: Attack) -> None:
        self._attack = attack
        self._ends_at = time.monotonic() + attack.seconds
        self._sockets: list[socket.socket] = []
        self._unsent: dict[socket.socket, bytes] = {}
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def run(self) -> None:
        """Attack until the time is over."""
        tactics = [self._send_frames, self._open_connections, *[self._send_requests] * HTTP_THREADS]
        threads = [threading.Thread(target=tactic, daemon=True) for tactic in tactics]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(self._ends_at - time.monotonic(), 0) + TIMEOUT)
        for sock in self._sockets:
            sock.close()

    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends_at

    def _count(self, kind: str) -> None:
        with self._lock:
            self.counts[kind] += 1

    # ---- connections -----------------------------------------------------------------------------------

    def _open_connections(self) -> None:
        while not self._is_over():
            time.sleep(1 / HANDSHAKES_PER_SECOND)
            if len(self._sockets) >= CONNECTIONS:
                continue
            try:
                sock, _ = open_websocket(self._attack.ws_url, self._attack.token, TIMEOUT)
            except HandshakeRefused as refused:
                self._count(f"handshake {refused.status}")
            except (ClientFailed, OSError):
                self._count("handshake failed")
            else:
                self._count("handshake 101")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                sock.setblocking(False)
                self._sockets.append(sock)

    def _send_frames(self) -> None:
        """Send frames on all connections in turn; nothing is read from the first one."""
        flood_at = self._ends_at - self._attack.seconds / 2
        due = time.monotonic()
        for number, (kind, frame) in enumerate(frames(self._attack)):
            if self._is_over():
                return
            due += 1 / (FRAMES_PER_SECOND if time.monotonic() < flood_at else FLOOD_PER_SECOND)
            time.sleep(max(due - time.monotonic(), 0))
            sockets = list(self._sockets)
            if not sockets:
                due = time.monotonic()
                time.sleep(0.01)
                continue
            place = number % len(sockets)
            if self._exchange(sockets[place], frame, is_read=place > 0):
                self._count(f"frame {kind}")

    def _exchange(self, sock: socket.socket, frame: bytes, *, is_read: bool) -> bool:
        """Send a frame and discard the received bytes; return False if an earlier frame is not sent completely."""
        try:
            if is_read:
                with contextlib.suppress(BlockingIOError):
                    while (received := sock.recv(_LISTENED)) and len(received) == _LISTENED:
                        pass
                    if not received:
                        raise ConnectionResetError
            unsent = self._unsent.pop(sock, b"")
            data = unsent or frame
            self._unsent[sock] = data
            self._unsent[sock] = data[sock.send(data) :]
            return not unsent
        except BlockingIOError:
            return False
        except OSError:
            self._count("connection closed")
            self._sockets.remove(sock)
            self._unsent.pop(sock, None)
            sock.close()
            return False

    # ---- HTTP ------------------------------------------------------------------------------------------

    def _send_requests(self) -> None:
        address = urlsplit(self._attack.http_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
        headers = {"Authorization": f"Bearer {self._attack.token}", "Content-Type": "application/json"}
        for method, path, body in requests(self._attack):
            if self._is_over():
                connection.close()
                return
            try:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                answer = connection.getresponse()
                answer.read()
                self._count(f"http {answer.status}")
            except (OSError, http.client.HTTPException):
                self._count("http failed")
                connection.close()


def main() -> None:
    """Read an attack, carry it out, and print the counts as JSON."""
    attack = Attack(**json.loads(sys.stdin.readline()))
    os.nice(19)
    attacker = Attacker(attack)
    attacker.run()
    print(json.dumps(attacker.counts))


if __name__ == "__main__":
    main()
