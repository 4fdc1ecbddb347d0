"""The network between the tabs of a client and the gateway, their storage, and the time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from tests.conformance.gateway import BOB, CREATED_AT, ME, Addressed, Gateway
from tests.conformance.judge import Sends
from tests.conformance.lines import Line
from tests.support.published import check_answer

if TYPE_CHECKING:
    from tests.conformance.tab import Tab

CONVERSATIONS = ("conv_a", "conv_b")
MAX_ROUNDS = 5_000


class Network:
    """Everything that happens is one method call; none of them waits."""

    def __init__(self, seed: int, window: int | None, is_resuming: bool, gateway: Gateway | None = None) -> None:
        self.seed, self.window, self.is_resuming = seed, window, is_resuming
        self.gateway = gateway or Gateway(*CONVERSATIONS)
        self.happened = self.gateway.refusals.happened
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
            self.happened["a token callback failed"] += 1
            return None
        return self.gateway.new_token()

    def handshake(self, token: str) -> int | None:
        """Return the status that refuses a handshake, or None."""
        status = 401 if self.gateway.is_expired(token) else None
        if self.refused_handshakes:
            status = self.refused_handshakes.pop()
        if status is not None:
            self.happened[f"a handshake answered {status}"] += 1
        return status

    def execute(self, index: int, is_answered: bool = True) -> None:
        """Let the gateway execute any of the frames on their way; without an answer, its replies are lost."""
        if self.to_server:
            socket, frame = self.to_server.pop(index % len(self.to_server))
            answers = self.gateway.execute(socket, frame)
            self.happened["an answer lost"] += bool(answers) and not is_answered
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
        if is_kept:
            self._need_frames()
        if self.to_clients:
            index %= len(self.to_clients)
            socket, frame = self.to_clients[index] if is_kept else self.to_clients.pop(index)
            self._delivered.append(frame)
            self.happened.update(
                (["a frame doubled"] if is_kept else []) + (["a frame reordered"] if index else [])
            )
            self.tabs[socket[0]].receive(socket, frame)
            self.sends.check_logs()

    def answer_request(self, index: int, is_executed: bool = True, is_answered: bool = True) -> None:
        """Answer a request by HTTP; without an answer, the client gets an error."""
        tab = self.tab(index)
        if not tab.requests:
            return
        request = tab.requests.pop(0)
        history_id = self.gateway.history_id
        status, body = 0, None
        is_executed = is_executed and not self.gateway.refusals.loses_message()
        is_answered = is_answered and not self.gateway.refusals.loses_message()
        if is_executed:
            status, body, history_id = self._execute_request(request)
        self.happened["a request lost"] += not is_executed
        self.happened["a response lost"] += is_executed and not is_answered
        if not is_answered:
            status, body = 0, None
        if status:
            check_answer(request["method"], request["path"], status, body)
        tab.judge.received(body or {})
        answer = {"status": status, "body": body or {}, "history_id": history_id}
        tab.give({"type": "response", "request": request["request"], **answer})

    def _execute_request(self, request: Line) -> tuple[int, Line | None, str]:
        """Return the status, the body and the history of the answer to a request."""
        if request["path"] != "/batch" and self.refused_handshakes:  # to learn by HTTP why one was refused
            return *self.gateway.refusal(self.refused_handshakes[-1]), self.gateway.history_id
        if (refused := self.gateway.refused_request(request)) is not None:
            return *refused, self.gateway.history_id
        if request["path"] == "/batch":
            body, pushes = self.gateway.execute_request(request["body"])
            self.to_clients += pushes
            return 200, body, self.gateway.history_id
        if request["path"] == "/me":
            return 200, {**ME, "expires_at": CREATED_AT}, self.gateway.history_id
        page = request.get("page") or self.page()
        return 200, page["body"], page["history_id"]

    def lose_command(self, index: int) -> None:
        """Lose any of the frames on their way to the server."""
        if self.to_server:
            self.to_server.pop(index % len(self.to_server))
            self.happened["a command lost"] += 1

    def lose_frame(self, index: int) -> None:
        """Lose any of the frames on their way to a client."""
        self._need_frames()
        if self.to_clients:
            self.to_clients.pop(index % len(self.to_clients))
            self.happened["a frame lost"] += 1

    def _need_frames(self) -> None:
        """Let the gateway execute a command if no frame is on its way to a client."""
        if not self.to_clients:
            self.execute(0)

    def claim_gone(self, index: int) -> None:
        """Answer a push to an open connection with 410; the index selects what its next command does."""
        if (socket := self.tab(index).socket) is not None:
            self.gateway.claim_gone(socket, index)
            for conversation_id in CONVERSATIONS:
                self.to_clients += self.gateway.append(
                    conversation_id, {"type": "message", "sender": BOB, "content": "?"}
                )

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
        frames = [frame for frame in frames if "history_id" in frame]  # of the others, none shows where it is from
        # Their ids are of another connection: they answer no command of the one that receives them now.
        self._former = [{**frame, "id": f"former {frame['id']}"} if "id" in frame else frame for frame in frames]
        self.gateway.restore(kept)
        self.happened["a restore"] += 1
        self.restart_server()

    def restart_server(self) -> None:
        """End all connections, and lose the frames on their way."""
        self.happened["a restart of the server"] += 1
        self.to_server.clear()
        self.gateway.sessions.clear()
        for tab in self.tabs:
            tab.close_socket()

    def echo(self, index: int) -> None:
        """Deliver a frame of the former history."""
        tab = self.tab(index)
        if self._former and tab.socket is not None:
            self.happened["a frame of the former history"] += 1
            tab.receive(tab.socket, self._former[-1 - index % len(self._former)])

    def fill_storage(self, is_full: bool) -> None:
        """Let all writes of the storage fail, or succeed again."""
        self.is_full = is_full
        self.happened["a full storage"] += is_full
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
        self.happened["a sleep"] += milliseconds > 0
        self.gateway.now += milliseconds / 1_000
        self.turn_clock(milliseconds)

    def turn_clock(self, milliseconds: int) -> None:
        """Change the wall clock of the clients."""
        self.happened["a clock that jumps back"] += milliseconds < 0
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
