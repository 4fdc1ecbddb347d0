"""The worked session of docs/protocol.md: parsed, replayed, and compared with the real answers.

A line of the session is one of

    # …                         a comment
    alice connects              opens a connection (`disconnects` closes it)
    alice POST /path {…}        sends an HTTP request; the next line is its response, `← 201 {…}`
    alice → {…}                 sends a frame
    alice ← {…}                 receives a frame

A line that begins with a blank continues the line before. Ids, times and connection ids of the document are mapped
to those of the run; `"…": "…"` in an object matches any further fields.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.client import TestClient
from tests.support.socket_client import Socket

GUIDE = Path(__file__).parents[2] / "docs" / "protocol.md"
MORE = "…"
_SESSION = re.compile(r"```text session\n(.*?)```", re.S)
_ID = re.compile(r"(?:conv|msg|inv|ivt)_[A-Za-z0-9_-]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_REQUEST = re.compile(r"(GET|POST|PATCH|PUT|DELETE) (\S+)(?: (.*))?")


def load_session() -> list[tuple[str, str]]:
    """Return the name of the client and the rest of each line."""
    found = _SESSION.search(GUIDE.read_text(encoding="utf-8"))
    assert found, "docs/protocol.md has no worked session"
    lines: list[str] = []
    for line in found[1].splitlines():
        if line.startswith(" "):
            lines[-1] += line
        elif line and not line.startswith("#"):
            lines.append(line)
    return [(who, what) for who, _, what in (text.partition(" ") for text in lines)]


class SessionReplay:
    """The clients of the session, and the mapping from documented to real ids."""

    def __init__(self, clients: Mapping[str, TestClient]) -> None:
        self._people = clients
        self._stands_for: dict[str, str] = {name: person.id for name, person in clients.items()}
        self._sockets: dict[str, Socket] = {}
        self._answers: list[tuple[int, Any]] = []
        self._announced: dict[str, set[str]] = {}
        """By name: the participants whose presence may have been on its way when this one connected."""

    def replay(self, lines: list[tuple[str, str]]) -> None:
        """Replay the session. Raises AssertionError at the first difference."""
        for who, what in lines:
            if what.startswith("← ") and what[2:5].isdigit():
                status, body = self._answers.pop()
                _, number, expected = what.split(" ", 2) if what.count(" ") > 1 else (*what.split(" "), "null")
                assert status == int(number), (what, status, body)
                self._is_same(json.loads(expected), body, what)
            elif what.startswith("← "):
                expected = json.loads(what[2:])
                self._is_same(expected, _next_frame(self._sockets[who], expected), what)
            elif what.startswith("→ "):
                self._sockets[who].send_text(self._real(what[2:]))
            elif what == "connects":
                self._announced[who] = {self._people[name].id for name in self._sockets}
                self._sockets[who] = self._open(self._people[who])
            elif what == "disconnects":
                self._sockets.pop(who).close()
            else:
                self._request(self._people[who], what)

    def unexpected_frames(self) -> dict[str, list[Any]]:
        """Return the frames that the session does not mention, by client."""
        received = {who: socket.received_frames() for who, socket in self._sockets.items()}
        unexpected = {
            who: [*itertools.filterfalse(self._is_late(who), frames)] for who, frames in received.items()
        }
        return {who: frames for who, frames in unexpected.items() if frames}

    def _is_late(self, who: str) -> Callable[[Any], bool]:
        """Return whether a frame is the first push of a presence from before this client has connected."""
        announced = self._announced[who]

        def is_late(frame: Any) -> bool:
            is_online = frame["type"] == "presence" and frame["online"]
            participant_id = frame["participant"]["participant_id"] if is_online else ""
            is_first = participant_id in announced
            announced.discard(participant_id)
            return is_first

        return is_late

    def _open(self, person: TestClient) -> Socket:
        socket = Socket(person.endpoint.ws_url, headers={"Authorization": f"Bearer {person.token}"})
        person.sockets.append(socket)
        return socket

    def _request(self, person: TestClient, what: str) -> None:
        request = _REQUEST.fullmatch(self._real(what))
        assert request, f"nobody knows what this line is: {what}"
        method, path, body = request.groups()
        answer = person.request(method, path, json.loads(body) if body else None)
        self._answers.append((answer.status, answer.body))

    def _real(self, text: str) -> str:
        """Return a line with its documented ids replaced by the real ones."""
        for documented, real in self._stands_for.items():
            quoted = (f'"{documented}"', f'"{real}"') if documented in self._people else (documented, real)
            text = text.replace(*quoted)
        return text

    def _is_same(self, documented: Any, real: Any, line: str, at: str = "") -> None:
        if isinstance(documented, dict) and isinstance(real, dict):
            documented = {self._stands_for.get(name, name): value for name, value in documented.items()}
            missing, more = documented.keys() - real.keys(), real.keys() - documented.keys()
            assert missing <= {MORE}, f"{line}: {sorted(missing)} are not there: {real} ({at})"
            assert MORE in documented or not more, f"{line}: there are {sorted(more)}, too ({at})"
            for name in documented.keys() - {MORE}:
                self._is_same(documented[name], real[name], line, f"{at}.{name}")
        elif isinstance(documented, list) and isinstance(real, list):
            assert len(documented) == len(real), f"{line}: {at} is {real}"
            for index, pair in enumerate(zip(documented, real, strict=True)):
                self._is_same(*pair, line, f"{at}.{index}")
        elif self._is_another(documented, real, at):
            assert self._stands_for.setdefault(documented, real) == real, f"{line}: {at} is {real}"
        else:
            assert documented == real, f"{line}: {at} is {real!r}"

    def _is_another(self, documented: Any, real: Any, at: str) -> bool:
        """Whether both are of one kind that differs from run to run. Times are not mapped: two may be equal."""
        if not isinstance(documented, str) or not isinstance(real, str):
            return False
        if _TIME.fullmatch(documented) and _TIME.fullmatch(real):
            self._stands_for[documented] = real
            return True
        same_kind = _ID.fullmatch(documented) and documented.split("_")[0] == real.split("_")[0]
        return bool(same_kind) or at.endswith(("connection_id", "history_id")) or documented in self._people


def _next_frame(socket: Socket, expected: Any) -> Any:
    """Return the next frame of a type; in the session, every push of events has one event."""
    if expected["type"] != "events":
        # A push of presence may come later than a connection that it reaches, too.
        wanted = {name: expected[name] for name in ("type", "online") if name in expected}
        return socket.expect_frame(**wanted)
    frame = socket.expect_frame(type="event")
    event = frame.pop("event")
    return {**frame, "type": "events", "conversation_id": event["conversation_id"], "events": [event]}
