"""Tabs of one client on one storage, a gateway, and a network between them whose faults the schedule chooses."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from typing import Any

from tests.conformance.gateway import ME, Addressed, Gateway
from tests.conformance.judge import Send, Sends
from tests.conformance.lines import ClientProcess, Line
from tests.conformance.tab import CONVERSATIONS, Tab

SETTLING_MS = 10_000
MAX_ROUNDS = 5_000


class World:
    """Everything that happens is one method call; none of them waits."""

    def __init__(
        self, processes: Sequence[ClientProcess], seed: int, window: int | None, is_resuming: bool
    ) -> None:
        self.seed, self.window, self.is_resuming = seed, window, is_resuming
        self.gateway = Gateway(*CONVERSATIONS)
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
        self.tabs = [Tab(number, self, process) for number, process in enumerate(processes)]
        for tab in self.tabs:
            tab.start()
        self._let_drain()

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

    def store(self, tab: Tab, key: str, value: Any, sent: Any) -> None:
        """Change the storage, and let the other tabs know later."""
        if value is None:
            self.storage.pop(key, None)
        else:
            self.storage[key] = value
        self.sends.stored(json.dumps(self.storage))
        self.changes += [(other.number, key, value is not None, sent) for other in self.tabs if other is not tab]

    # The user

    def send(self, conversation_id: str, index: int, length: int = 0) -> None:
        """Send a message that differs from all others."""
        tab = self.tab(index)
        number = len(self.sends.all) + 1
        content = f"text {number:03}" + " and more" * length
        epoch = tab.judge.views[conversation_id].epoch
        self.sends.add(Send(conversation_id, content, tab.number, epoch=epoch))
        line = {"type": "send", "conversation_id": conversation_id, "send": f"s{number}", "content": content}
        self._user(tab, line)

    def in_handler(self, conversation_id: str, index: int, kind: str) -> None:
        """Do something in the next handler of a change."""
        self.tab(index).give({"type": "in_handler", "line": {"type": kind, "conversation_id": conversation_id}})

    def update(self, conversation_id: str, kind: str, index: int) -> None:
        """Edit, delete or react to a message that is shown."""
        tab = self.tab(index)
        own = ME["participant_id"]
        shown = [
            message
            for message in tab.judge.views[conversation_id].messages
            if kind == "react" or (message["sender"] in {own, None} and not message["is_deleted"])
        ]
        if not shown:
            return
        message = shown[-1 - index % len(shown)]
        is_sent = message["status"] == "sent"
        if kind == "delete" and not is_sent:
            self.sends.named(message["client_message_id"], message["content"]).is_free = True
        fields = {"edit": {"content": f"edited {index}"}, "react": {"emoji": "🎉"}}.get(kind, {})
        target = message["sequence_id"] if is_sent else message["client_message_id"]
        self._user(tab, {"type": kind, "conversation_id": conversation_id, "target": target, **fields})

    def retry_or_discard(self, conversation_id: str, index: int, kind: str) -> None:
        """Send the failed messages again, or discard them."""
        tab = self.tab(index)
        for message in list(tab.judge.views[conversation_id].messages):
            if message["status"] == "failed":
                key = message["client_message_id"]
                self.sends.by_key[key].is_free |= kind == "discard"
                self._user(tab, {"type": kind, "conversation_id": conversation_id, "client_message_id": key})

    def reopen(self, conversation_id: str, index: int) -> None:
        """Close a conversation, and open it again."""
        tab = self.tab(index)
        starts = tab.starts
        self._user(tab, {"type": "close", "conversation_id": conversation_id})
        if tab.starts == starts:  # a new process has opened it already
            tab.open(conversation_id)

    def command(self, conversation_id: str, index: int, kind: str) -> None:
        """Let a user do something that has no further arguments: `read`, `older`, `typing`, `view`."""
        view = self.tab(index).judge.views[conversation_id]
        if kind == "older" and view.start is not None and view.start > 1:
            view.wants_older = True
        self._user(self.tab(index), {"type": kind, "conversation_id": conversation_id})

    def others_send(self, conversation_id: str, count: int = 1) -> None:
        """Append messages of another participant, and push them."""
        for number in range(count):
            event = {"type": "message", "sender": {"participant_id": "bob"}, "content": str(number)}
            self.to_clients += self.gateway.append(conversation_id, event)

    def _user(self, tab: Tab, line: Line) -> None:
        tab.give(line)
        self.sends.check_logs()

    # The network

    def execute(self, index: int, is_answered: bool = True) -> None:
        """Let the gateway execute any of the frames on their way; without an answer, its replies are lost."""
        if self.to_server:
            socket, frame = self.to_server.pop(index % len(self.to_server))
            answers = self.gateway.execute(socket, frame)
            self.to_clients += answers if is_answered else []

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
        status, body = 200, None
        if request["path"] == "/batch" and is_executed:
            body, pushes = self.gateway.execute_request(request["body"])
            self.to_clients += pushes
        elif self.refused_handshakes:
            status = self.refused_handshakes[-1]
            body = {"error": {"code": "UNAVAILABLE", "message": "busy", "retryable": True, "retry_after": 1}}
        if not is_answered or not is_executed:
            status = 0
        tab.give({"type": "response", "request": request["request"], "status": status, "body": body or {}})

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
        self._former = [*self._delivered, *(frame for _, frame in self.to_clients)]
        self.gateway.restore(kept)
        self.restart_server()

    def restart_server(self) -> None:
        """End all connections, and lose the frames on their way."""
        self.to_server.clear()
        self.gateway.sessions.clear()
        for tab in self.tabs:
            tab.close_socket()

    def echo(self, index: int) -> None:
        """Deliver a frame of the former history: functions with the old configuration answer for a while."""
        tab = self.tab(index)
        if self._former and tab.socket is not None:
            tab.receive(tab.socket, self._former[-1 - index % len(self._former)])

    def fill_storage(self, is_full: bool) -> None:
        """Let all writes of the storage fail, or succeed again."""
        self.is_full = is_full
        for tab in self.tabs:
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

    # The processes of the client

    def crash(self, tab: Tab) -> None:
        """Kill the process of a tab, and start it again from the storage; another tab becomes the drainer."""
        tab.process.kill()
        self._start_again(tab)

    def restart(self, tab: Tab) -> None:
        """Let a client end in order, and start it again in the same process."""
        tab.give({"type": "stop"})
        self._start_again(tab)

    def _start_again(self, tab: Tab) -> None:
        tab.lose_session()
        self.sends.crashed()
        self.changes = [change for change in self.changes if change[0] != tab.number]
        was_drainer = tab.number == self.drainer
        if was_drainer:
            self.drainer = (tab.number + 1) % len(self.tabs)
        tab.start()
        if was_drainer:
            self._let_drain()

    def _let_drain(self) -> None:
        if len(self.tabs) > 1:
            self.tabs[self.drainer].give({"type": "drain", "storage": self.storage})
