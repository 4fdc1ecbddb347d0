"""One tab of a browser, or the only process of a client: its lines, and what the world answers to them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from tests.conformance.gateway import Session
from tests.conformance.judge import Judge
from tests.conformance.lines import ClientProcess, Line
from tests.conformance.network import CONVERSATIONS
from tests.support.published import check_frame

if TYPE_CHECKING:
    from tests.conformance.world import World

Socket = tuple[int, int, int]
"""A tab, how often it was started, and its number for the socket."""


class Tab:
    """Gives lines to a process, carries out those that it writes, and has them judged."""

    def __init__(self, number: int, world: World, process: ClientProcess) -> None:
        self.number, self.world, self.process = number, world, process
        self.judge = Judge(world.gateway, world.sends, number)
        self.socket: Socket | None = None
        self.timer: int | None = None
        """In how many milliseconds the client wants the time to advance."""
        self.crash_in: int | None = None
        """After how many lines of the client its process is killed; None: it is not."""
        self.starts = 0
        self.requests: list[Line] = []

    def start(self) -> None:
        """Start the client from the storage, and open the conversations."""
        world = self.world
        self.socket, self.crash_in = None, None
        self.requests.clear()
        self.starts += 1
        self.judge.restarted(world.is_full)
        start = {"type": "start", "now": world.now, "seed": self.seed, "storage": world.storage}
        self.give(start | {"window": world.window, "tabs": len(world.tabs) > 1 if world.tabs else False})
        self.give({"type": "storage", "full": world.is_full})
        for conversation_id in CONVERSATIONS:
            self.open(conversation_id)

    @property
    def seed(self) -> int:
        """A seed for the random numbers of the client, another one for each start."""
        return self.world.seed * 1_000 + self.starts * 2 + self.number

    def is_open(self, conversation_id: str) -> bool:
        """Return whether the user follows a conversation."""
        return conversation_id in self.judge.views

    def open(self, conversation_id: str) -> None:
        """Open a conversation."""
        self.judge.opened(conversation_id)
        self.give({"type": "open", "conversation_id": conversation_id, "resume": self.world.is_resuming})

    def give(self, line: Line) -> None:
        """Give the client a line, and whatever answers the lines that it writes."""
        starts = self.starts
        lines = deque([line])
        while lines:
            for written in self.process.turn(lines.popleft()):
                if self.crash_in is not None:
                    self.crash_in -= 1
                    if self.crash_in < 0:
                        self.world.crash(self)
                if self.starts != starts:
                    return  # another process by now
                if (answer := self._carry_out(written)) is not None:
                    lines.append(answer)

    def _carry_out(self, line: Line) -> Line | None:
        world = self.world
        match line.pop("type"):
            case "idle":
                self.timer = line["timer"]
                self.judge.rests(is_drainer=world.drainer == self.number)
            case "view" | "sent" | "refused" | "rows" | "ended" as kind:
                self.judge.notify(kind, line)
            case "save" | "forget":
                world.store(self, line["key"], line.get("value"), line.get("sent"))
            case "frame":
                if self.socket is not None and self.socket[2] == line["socket"]:
                    world.to_server.append((self.socket, line["frame"]))
            case "token":
                return {"type": "token", "request": line["request"], "token": world.take_token()}
            case "connect":
                return self._connect(line["socket"], line["token"])
            case "disconnect":
                self._disconnect(line["socket"])
            case "request":
                self.requests.append(line)
            case "handled":
                world.handled(self, line["line"])
            case kind:
                assert kind == "hello", f"unknown line: {kind}"
        return None

    def _connect(self, number: int, token: str) -> Line:
        self.judge.connects(token)
        self.lose_session()
        status = self.world.handshake(token)
        if status is not None:
            return {"type": "closed", "socket": number, "status": status}
        self.socket = (self.number, self.starts, number)
        self.world.gateway.sessions[self.socket] = Session(token)
        return {"type": "opened", "socket": number}

    def _disconnect(self, number: int) -> None:
        if self.socket is not None and self.socket[2] == number:
            self.lose_session()
            self.socket = None

    def lose_session(self) -> None:
        """Let the server forget the connection, which the client does not notice."""
        if self.socket is not None:
            self.world.gateway.sessions.pop(self.socket, None)

    def close_socket(self) -> None:
        """End the connection."""
        if self.socket is not None:
            self.lose_session()
            (_, _, number), self.socket = self.socket, None
            self.give({"type": "closed", "socket": number, "status": 0})

    def receive(self, socket: Any, frame: Line) -> None:
        """Deliver a frame, unless its connection has ended."""
        if socket == self.socket:
            check_frame(frame)
            self.judge.received(frame)
            self.give({"type": "frame", "socket": socket[2], "frame": frame})
