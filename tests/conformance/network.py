"""The network between the tabs of a client and the gateway, their storage, and the time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from tests.conformance.gateway import Addressed, Gateway
from tests.conformance.judge import Sends
from tests.conformance.lines import Line

if TYPE_CHECKING:
    from tests.conformance.tab import Tab

CONVERSATIONS = ("conv_a", "conv_b")
MAX_ROUNDS = 5_000


class Network:
    """Everything that happens is one method call; none of them waits."""

    def __init__(self, seed: int, window: int | None, is_resuming: bool, gateway: Gateway | None = None) -> None:
        self.seed, self.window, self.is_resuming = seed, window, is_resuming
        self.gateway = gateway or Gateway(*CONVERSATIONS)
        self.sends = Sends(self.gateway)
        self.storage: dict[str, Any] = {}
        self.is_full = False
        self.to_server: list[Addressed] = []
        self.to_clients: list[Addressed] = []
        self.changes: list[tuple[int, str, bool, Any]] = []
        """News for other tabs: the tab, the key, whether it was saved, and where a sent item is in the log."""
        self.failing_tokens = 0
        self.refused_handshakes: list[int] = []
        """The statuses of the next handshakes; 0 for none."""
        self.drainer = 0
        self._delivered: deque[Line] = deque(maxlen=20)
        self._former: list[Line] = []
        self.tabs: list[Tab] = []

    @property
    def now(self) -> int:
        """The time of the server in milliseconds."""
        return round(self.gateway.now * 1_000)

    def tab(self, index: int) -> Tab:
        """Return a tab by any number."""
        return self.tabs[index % len(self.tabs)]

    def take_token(self) -> str | None:
        """Return a token, or None if the callback fails."""
        if self.failing_tokens:
            self.failing_tokens -= 1
            return None
        return self.gateway.new_token()

    def handshake(self, token: str) -> int | None:
        """Return the status that refuses a handshake, or None."""
        if self.refused_handshakes:
            return self.refused_handshakes.pop()
        return 401 if self.gateway.is_expired(token) else None

    def execute(self, index: int, is_answered: bool = True) -> None:
        """Let the gateway execute any of the frames on their way; without an answer, its replies are lost."""
        if self.to_server:
            socket, frame = self.to_server.pop(index % len(self.to_server))
            answers = self.gateway.execute(socket, frame)
            self.to_clients += answers if is_answered else []
            if frame["type"] == "hello":  # functions with the old configuration push for a while after a restore
                self.to_clients += [(socket, former) for former in self._former[-3:]]

    def push(self, index: int) -> None:
        """Send the pushes of any of the commits."""
        self.to_clients += self.gateway.fan_out(index)

    def page(self) -> Line:
        """Return the first page of the list with its history."""
        return {"body": self.gateway.conversations(), "history_id": self.gateway.history_id}

    def deliver(self, index: int, is_kept: bool = False) -> None:
        """Deliver any of the frames on their way to a client; a kept one is delivered again later."""
        if self.to_clients:
            index %= len(self.to_clients)
            socket, frame = self.to_clients[index] if is_kept else self.to_clients.pop(index)
            self._delivered.append(frame)
            self.tabs[socket[0]].receive(socket, frame)
            self.sends.check_logs()

    def answer_request(self, index: int, is_executed: bool = True, is_answered: bool = True) -> None:
        """Answer a request by HTTP; without an answer, the client gets an error."""
        tab = self.tab(index)
        if not tab.requests:
            return
        request = tab.requests.pop(0)
        status, body, history_id = 200, None, self.gateway.history_id
        if request["path"] == "/batch" and is_executed:
            body, pushes = self.gateway.execute_request(request["body"])
            self.to_clients += pushes
        elif self.refused_handshakes:
            status = self.refused_handshakes[-1]
            body = {"error": {"code": "UNAVAILABLE", "message": "busy", "retryable": True, "retry_after": 1}}
        elif request["method"] == "GET":
            body, history_id = (request.get("page") or self.page()).values()
        if not is_answered or not is_executed:
            status = 0
        answer = {"status": status, "body": body or {}, "history_id": history_id}
        tab.give({"type": "response", "request": request["request"], **answer})

    def share(self) -> None:
        """Deliver the first news about the storage to another tab."""
        if not self.changes:
            return
        number, key, is_saved, sent = self.changes.pop(0)
        if key in self.storage or not is_saved:  # else the news of its deletion follow
            line = {"type": "stored", "key": key, "value": self.storage.get(key), "sent": sent}
            self.tabs[number].give(line)

    def restore(self, kept: int) -> None:
        """Restore the server from a backup; its connections, and the frames of the former one, end."""
        frames = [*self._delivered, *(frame for _, frame in self.to_clients)]
        # Their ids are of another connection: they answer no command of the one that receives them now.
        self._former = [{**frame, "id": f"former {frame['id']}"} if "id" in frame else frame for frame in frames]
        self.gateway.restore(kept)
        self.restart_server()

    def restart_server(self) -> None:
        """End all connections, and lose the frames on their way."""
        self.to_server.clear()
        self.gateway.sessions.clear()
        for tab in self.tabs:
            tab.close_socket()

    def echo(self, index: int) -> None:
        """Deliver a frame of the former history."""
        tab = self.tab(index)
        if self._former and tab.socket is not None:
            tab.receive(tab.socket, self._former[-1 - index % len(self._former)])

    def fill_storage(self, is_full: bool) -> None:
        """Let all writes of the storage fail, or succeed again."""
        self.is_full = is_full
        for tab in self.tabs:
            tab.judge.may_keep |= is_full
            tab.give({"type": "storage", "full": is_full})

    # Time

    def advance(self, milliseconds: int) -> None:
        """Let time pass in steps, each to the next timer of a client."""
        while milliseconds > 0:
            step = min([milliseconds, *(max(1, tab.timer) for tab in self.tabs if tab.timer is not None)])
            milliseconds -= step
            self.gateway.now += step / 1_000
            for tab in self.tabs:
                tab.give({"type": "advance", "ms": step})

    def sleep(self, milliseconds: int) -> None:
        """Let a device sleep: its wall clock advances, and its timers do not run."""
        self.gateway.now += milliseconds / 1_000
        self.turn_clock(milliseconds)

    def turn_clock(self, milliseconds: int) -> None:
        """Change the wall clock of the clients."""
        for tab in self.tabs:
            tab.give({"type": "clock", "ms": milliseconds})

    def live(self, milliseconds: int) -> None:
        """Let everything happen in its order for some time."""
        end = self.now + milliseconds
        for _ in range(MAX_ROUNDS):
            requests = [tab.number for tab in self.tabs if tab.requests]
            if self.changes:
                self.share()
            elif requests:
                self.answer_request(requests[0])
            elif self.to_server:
                self.execute(0)
            elif self.gateway.committed:
                self.push(0)
            elif self.to_clients:
                self.deliver(0)
            else:
                timers = [max(1, tab.timer) for tab in self.tabs if tab.timer is not None]
                if not timers or self.now + min(timers) > end:
                    break
                self.advance(min(timers))
        else:
            raise AssertionError("the client does not come to rest")
        if self.now < end:
            self.advance(end - self.now)
