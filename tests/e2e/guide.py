"""The worked session of docs/protocol.md: read, carried out, and compared with what really happens.

A line of the session is one of

    # …                         a word to the reader
    alice connects              opens a socket (`disconnects` closes it)
    alice POST /path {…}        an HTTP request; the next line is its answer, `← 201 {…}`
    alice → {…}                 a frame is sent
    alice ← {…}                 a frame is heard

A line that begins with a blank goes on with the one before. Ids, times and names of sockets stand for those of
another run, the same ones for the same ones; `"…": "…"` in an object stands for more fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.client import Person
from tests.support.socket_client import Socket

GUIDE = Path(__file__).parents[2] / "docs" / "protocol.md"
MORE = "…"
_SESSION = re.compile(r"```text session\n(.*?)```", re.S)
_ID = re.compile(r"(?:conv|msg|inv|ivt)_[A-Za-z0-9_-]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_REQUEST = re.compile(r"(GET|POST|PATCH|PUT|DELETE) (\S+)(?: (.*))?")


def session() -> list[tuple[str, str]]:
    """Who, and what they do or hear, line by line."""
    found = _SESSION.search(GUIDE.read_text(encoding="utf-8"))
    assert found, "docs/protocol.md has no worked session"
    lines: list[str] = []
    for line in found[1].splitlines():
        if line.startswith(" "):
            lines[-1] += line
        elif line and not line.startswith("#"):
            lines.append(line)
    return [(who, what) for who, _, what in (each.partition(" ") for each in lines)]


class Players:
    """Those who carry the session out, and what stands for what in it."""

    def __init__(self, people: Mapping[str, Person]) -> None:
        self._people = people
        self._stands_for: dict[str, str] = {name: person.id for name, person in people.items()}
        self._sockets: dict[str, Socket] = {}
        self._answers: list[tuple[int, Any]] = []

    def play(self, lines: list[tuple[str, str]]) -> None:
        """Carry it out; AssertionError where it goes otherwise."""
        for who, what in lines:
            if what.startswith("← ") and what[2:5].isdigit():
                status, body = self._answers.pop()
                _, number, expected = what.split(" ", 2) if what.count(" ") > 1 else (*what.split(" "), "null")
                assert status == int(number), (what, status, body)
                self._is_same(json.loads(expected), body, what)
            elif what.startswith("← "):
                expected = json.loads(what[2:])
                self._is_same(expected, self._sockets[who].hears(type=expected["type"]), what)
            elif what.startswith("→ "):
                self._sockets[who].sends_text(self._real(what[2:]))
            elif what == "connects":
                self._sockets[who] = self._open(self._people[who])
            elif what == "disconnects":
                self._sockets.pop(who).close()
            else:
                self._request(self._people[who], what)

    def heard_else(self) -> dict[str, list[Any]]:
        """What was heard that the session does not tell of, by who heard it."""
        return {who: socket.has_heard() for who, socket in self._sockets.items() if socket.has_heard()}

    def _open(self, person: Person) -> Socket:
        socket = Socket(person.stage.ws_url, headers={"Authorization": f"Bearer {person.token}"})
        person.sockets.append(socket)
        return socket

    def _request(self, person: Person, what: str) -> None:
        request = _REQUEST.fullmatch(self._real(what))
        assert request, f"nobody knows what this line is: {what}"
        method, path, body = request.groups()
        answer = person.request(method, path, json.loads(body) if body else None)
        self._answers.append((answer.status, answer.body))

    def _real(self, text: str) -> str:
        """A line with what its ids stand for."""
        for documented, real in self._stands_for.items():
            quoted = (f'"{documented}"', f'"{real}"') if documented in self._people else (documented, real)
            text = text.replace(*quoted)
        return text

    def _is_same(self, documented: Any, real: Any, line: str, at: str = "") -> None:
        if isinstance(documented, dict) and isinstance(real, dict):
            documented = {self._stands_for.get(name, name): each for name, each in documented.items()}
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
        """Whether they are alike, and differ from run to run. Times are not told apart: two may fall together."""
        if not isinstance(documented, str) or not isinstance(real, str):
            return False
        if _TIME.fullmatch(documented) and _TIME.fullmatch(real):
            self._stands_for[documented] = real
            return True
        same_kind = _ID.fullmatch(documented) and documented.split("_")[0] == real.split("_")[0]
        return bool(same_kind) or at.endswith("connection_id") or documented in self._people
