"""Tabs of one client on one storage, their user, and the processes behind them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.conformance.gateway import BOB, ME, Gateway
from tests.conformance.judge import Send
from tests.conformance.lines import ClientProcess, Line
from tests.conformance.network import CONVERSATIONS, Network
from tests.conformance.tab import Tab


class World(Network):
    """The tabs of one client, and their user."""

    def __init__(
        self,
        processes: Sequence[ClientProcess],
        seed: int,
        window: int | None,
        is_resuming: bool,
        gateway: Gateway | None = None,
    ) -> None:
        super().__init__(seed, window, is_resuming, gateway)
        self._handler_sends = 0
        self.tabs = [Tab(number, self, process) for number, process in enumerate(processes)]
        for tab in self.tabs:
            tab.start()
        self._let_drain()

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
        if not tab.is_open(conversation_id):
            return
        number = len(self.sends.all) + 1
        content = f"text {number:03}" + " and more" * length
        epoch = tab.judge.views[conversation_id].epoch
        self.sends.add(Send(conversation_id, content, tab.number, epoch=epoch))
        line = {"type": "send", "conversation_id": conversation_id, "send": f"s{number}", "content": content}
        self._user(tab, line)

    def in_handler(self, conversation_id: str, index: int, kind: str) -> None:
        """Do something in the next handler of a change."""
        line: Line = {"type": kind, "conversation_id": conversation_id}
        if kind == "send":
            self._handler_sends += 1
            line |= {"send": f"h{self._handler_sends}", "content": f"in a handler {self._handler_sends:03}"}
        elif kind == "open":
            line["resume"] = self.is_resuming
        self.tab(index).give({"type": "in_handler", "line": line})

    def reopen_in_handler(self, conversation_id: str, index: int) -> None:
        """Close a conversation, and open it again, in the next handler of a change."""
        for kind in ("close", "open"):
            self.in_handler(conversation_id, index, kind)

    def handled(self, tab: Tab, line: Line) -> None:
        """Note that a client carries out a line inside a handler from here on."""
        conversation_id = line["conversation_id"]
        self.happened[f"{line['type']} in a handler"] += 1
        match line["type"]:
            case "send":
                epoch = tab.judge.views[conversation_id].epoch
                self.sends.add(Send(conversation_id, line["content"], tab.number, epoch=epoch))
            case "close":
                tab.judge.closed(conversation_id)
            case "open":
                tab.judge.opened(conversation_id)

    def update(self, conversation_id: str, kind: str, index: int) -> None:
        """Edit, delete or react to a message that is shown."""
        tab = self.tab(index)
        if not tab.is_open(conversation_id):
            return
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
        if not tab.is_open(conversation_id):
            return
        for message in list(tab.judge.views[conversation_id].messages):
            if message["status"] == "failed":
                key = message["client_message_id"]
                self.sends.by_key[key].is_free |= kind == "discard"
                self._user(tab, {"type": kind, "conversation_id": conversation_id, "client_message_id": key})

    def reopen(self, conversation_id: str, index: int) -> None:
        """Close a conversation, and open it again."""
        tab = self.tab(index)
        starts = tab.starts
        if tab.is_open(conversation_id):
            tab.judge.closed(conversation_id)
            self._user(tab, {"type": "close", "conversation_id": conversation_id})
        if tab.starts == starts:  # a new process has opened it already
            tab.open(conversation_id)

    def open_all(self) -> None:
        """Open the conversations that are closed, in all tabs."""
        for tab in self.tabs:
            for conversation_id in CONVERSATIONS:
                if not tab.is_open(conversation_id):
                    tab.open(conversation_id)

    def command(self, conversation_id: str, index: int, kind: str) -> None:
        """Let a user do something that has no further arguments: `read`, `older`, `typing`, `view`."""
        if not self.tab(index).is_open(conversation_id):
            return
        view = self.tab(index).judge.views[conversation_id]
        if kind == "older" and view.start is not None and view.start > 1:
            view.wants_older = True
        self._user(self.tab(index), {"type": kind, "conversation_id": conversation_id})

    def others_send(self, conversation_id: str, count: int = 1) -> None:
        """Append messages of another participant, and push them."""
        for number in range(count):
            event = {"type": "message", "sender": BOB, "content": str(number)}
            self.to_clients += self.gateway.append(conversation_id, event)

    def _user(self, tab: Tab, line: Line) -> None:
        tab.give(line)
        self.sends.check_logs()

    # The processes of the client

    def crash(self, tab: Tab) -> None:
        """Kill the process of a tab, and start it again from the storage; another tab becomes the drainer."""
        tab.process.kill()
        self.happened["a crash"] += 1
        self._start_again(tab)

    def restart(self, tab: Tab) -> None:
        """Let a client end in order, and start it again in the same process."""
        starts = tab.starts
        tab.give({"type": "stop"})
        if tab.starts == starts:  # else it was killed meanwhile
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
