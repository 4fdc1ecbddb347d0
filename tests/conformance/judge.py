"""Judges a client from outside: all that it shows, and all that the gateway has in its logs (L9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.conformance.gateway import ME, Gateway
from tests.conformance.lines import Line
from tests.conformance.logs import Shown

TRANSIENT = {
    "UNAUTHORIZED",
    "TOKEN_EXPIRED",
    "RATE_LIMITED",
    "INTERNAL",
    "UNAVAILABLE",
    "CONVERSATION_BUSY",
    "NOT_ATTEMPTED",
}


@dataclass
class Send:
    """One message of the user."""

    conversation_id: str
    content: str
    tab: int
    key: str | None = None
    """Its client_message_id, once the client or a log has shown it."""
    epoch: object = None
    """The opening of the room in which it was sent: only there the client knows all that became of it."""
    is_free: bool = False
    """Whether the user has deleted or discarded it, or a crash may have lost it before it was stored."""
    is_stored: bool = False
    """Whether the storage has it: as long as it is full, a message that was shown is sent again after a crash."""
    was_stored: bool = False
    is_known: bool = False
    """Whether the client has shown it as sent, or left it out of a view, as it is at another place of the log."""
    done_in: set[str] = field(default_factory=set)
    """The histories in which it is done for the client: resolved, or shown as sent and not in the storage."""


@dataclass
class View:
    """The view of a conversation in a tab."""

    epoch: object
    history_id: str | None = None
    start: int | None = None
    position: int = 0
    read_up_to: int = 0
    wants_older: bool = False
    """Whether the user asked for older messages that are not shown yet."""
    messages: list[Shown] = field(default_factory=list)


class Sends:
    """All messages of the user in the order of the sends, by all tabs."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.all: list[Send] = []
        self.by_key: dict[str, Send] = {}
        self._unnamed: dict[str, Send] = {}
        self._storage = ""

    def add(self, send: Send) -> None:
        """Note a send, before the client gets it. Each has another content."""
        self.all.append(send)
        self._unnamed[send.content] = send

    def named(self, key: str | None, content: str | None) -> Send:
        """Return the send of a client_message_id, which gets one id only."""
        if key not in self.by_key:
            send = self._unnamed.pop(content or "", None)
            assert send is not None, f"no send, or another id than before, is {key} with {content}"
            send.key = key
            self.by_key[str(key)] = send
            self._note_stored(send)
        return self.by_key[str(key)]

    def stored(self, text: str) -> None:
        """Note the texts in the storage: a message that left it must be in a log, or discarded by the user."""
        self._storage = text
        for send in self.all:
            if send.key is None:
                continue
            self._note_stored(send)
            if send.was_stored and not send.is_stored and not send.is_free:
                history_id = self._gateway.newest_history(send.key)
                assert history_id is not None, f"{send.content[:8]} left the storage, and is in no log"
                send.done_in.add(history_id)

    def _note_stored(self, send: Send) -> None:
        """Look for a message in the storage. A reaction to it names its id, too, but not its content."""
        send.is_stored = has_word(self._storage, str(send.key))
        send.was_stored |= send.is_stored and send.content in self._storage

    def crashed(self) -> None:
        """Note that a process has ended: a message that the storage never had is lost."""
        for send in self.all:
            send.is_free |= not send.was_stored

    def check_logs(self) -> None:
        """Check that each send is in the log at most once, in the order of its tab, and not in a later history."""
        for conversation_id in self._gateway.logs:
            log = self._gateway.folded(self._gateway.history_id, conversation_id)
            own = log.messages_of(ME["participant_id"])
            sends = [self.named(event["client_message_id"], event["content"]) for event in own]
            assert len({id(send) for send in sends}) == len(sends), "in the log twice"
            in_log = {id(send) for send in sends}
            for tab in {send.tab for send in sends}:
                expected = [
                    send
                    for send in self.all
                    if id(send) in in_log
                    and send.tab == tab
                    and not send.is_free
                    and send.conversation_id == conversation_id
                ]
                found = [send for send in sends if send.tab == tab and not send.is_free]
                assert found == expected, f"in another order: {found}"
            for event, send in zip(own, sends, strict=True):
                self._check_history(self._gateway.made_in(conversation_id, event["sequence_id"]), send)

    def _check_history(self, made_in: int, send: Send) -> None:
        done_in = {number(history_id) for history_id in send.done_in}
        is_again = done_in and made_in not in done_in and made_in > min(done_in)
        assert not is_again, f"{send.content[:8]} was sent again into a later history"


class Judge:
    """Follows the lines of one tab."""

    def __init__(self, gateway: Gateway, sends: Sends, tab: int) -> None:
        self._gateway, self._sends, self._tab = gateway, sends, tab
        self.views: dict[str, View] = {}
        self.rows: list[Line] = []
        """The list of conversations, as the client has shown it last."""
        self._used_tokens: set[str] = set()
        self._unforgotten: list[tuple[Send, str]] = []
        """Messages that are shown as sent, with their histories, and that the storage still had then."""
        self.may_keep = False
        """Whether they can stay in the storage: it was full."""

    def restarted(self, is_full: bool) -> None:
        """The process ended: nothing is shown."""
        self.views.clear()
        self._unforgotten.clear()
        self.may_keep = is_full

    def rests(self, is_drainer: bool) -> None:
        """Note that the client has carried out all that a line caused: messages shown as sent left the storage."""
        for send, history_id in self._unforgotten:
            if not send.is_stored or (is_drainer and not self.may_keep):
                send.done_in.add(history_id)
        self._unforgotten = [(send, history_id) for send, history_id in self._unforgotten if send.is_stored]

    def opened(self, conversation_id: str) -> object:
        """Note that a conversation is opened; return its epoch."""
        self.views[conversation_id] = View(object())
        return self.views[conversation_id].epoch

    def closed(self, conversation_id: str) -> None:
        """Note that the user closes a conversation: nothing of it is judged until it is opened again."""
        del self.views[conversation_id]

    def received(self, frame: Line) -> None:
        """Note acknowledgements for conversations that are closed: the client knows them, and shows nothing."""
        for result in (frame, *frame.get("results", ())):
            if result.get("type") == "message_ack" and result["conversation_id"] not in self.views:
                self._sends.check_logs()  # it can be the first place where the id is named
                if (send := self._sends.by_key.get(result["client_message_id"])) is not None:
                    send.is_known = True

    def connects(self, token: str) -> None:
        """Check that each handshake has a new token."""
        assert token not in self._used_tokens, "a stale token was used for another handshake"
        self._used_tokens.add(token)

    def notify(self, kind: str, line: Line) -> None:
        """Judge a notification."""
        match kind:
            case "view":
                self._shows(line)
            case "sent":
                self._resolved(line)
            case "rows":
                self.rows = line["rows"]
            case "ended":  # the client follows it no more; its user can open it again
                self.views.pop(line["conversation_id"], None)
            case _:
                assert line["code"] not in TRANSIENT, f"refused because of {line['code']}"

    def _resolved(self, line: Line) -> None:
        """Check that a send has resolved with its place in the log."""
        log = self._gateway.histories[line["history_id"]][line["conversation_id"]]
        event = log[line["sequence_id"] - 1]
        assert event.get("client_message_id") == line["client_message_id"], "resolved with another place"
        self._sends.named(line["client_message_id"], event["content"]).done_in.add(line["history_id"])

    def _shows(self, line: Line) -> None:
        """Apply a difference to the view, and compare it with the log and the sends."""
        view = self.views.get(line["conversation_id"])
        if view is None:
            return
        kept = view.messages
        assert line["keep_first"] + line["keep_last"] <= len(kept)
        position, is_same = line["position"], view.history_id == line["history_id"] and view.start is not None
        assert not is_same or line["start"] is None or position >= view.position, "the position went back"
        view.messages = [*kept[: line["keep_first"]], *line["messages"], *kept[len(kept) - line["keep_last"] :]]
        if not is_same or line["start"] is None or line["start"] != view.start:
            view.wants_older = False  # they came, or the view began anew
        view.history_id, view.start, view.read_up_to = line["history_id"], line["start"], line["read_up_to"]
        self._compare(line, view)
        self._check_unresolved(line["conversation_id"], view)

    def _compare(self, line: Line, view: View) -> None:
        conversation_id, position = line["conversation_id"], line["position"]
        sent = [message for message in view.messages if message["status"] == "sent"]
        assert view.messages[: len(sent)] == sent, "a pending message precedes one that is sent"
        view.position = position
        if view.start is None or view.history_id is None:
            assert not sent, "messages are shown without a marked start"
            return
        log = self._gateway.histories[view.history_id][conversation_id]
        assert view.start - 1 <= position <= len(log), "beyond the log"
        expected = self._gateway.folded(view.history_id, conversation_id).shown(view.start, position)
        assert sent == expected, f"not the log from {view.start} to {position}"
        view.messages[: len(sent)] = expected  # the same objects compare faster next time
        for message in line["messages"]:
            if message["status"] == "sent" and message["sender"] == ME["participant_id"]:
                event = log[message["sequence_id"] - 1]
                send = self._sends.named(event["client_message_id"], event["content"])
                send.is_known = True
                self._unforgotten.append((send, view.history_id))

    def _check_unresolved(self, conversation_id: str, view: View) -> None:
        shown: dict[str, Shown] = {}
        for message in view.messages:
            if message["status"] != "sent" or message["sender"] == ME["participant_id"]:
                assert message["client_message_id"] not in shown, "shown twice"
                shown[message["client_message_id"]] = message
        for key, message in shown.items():
            send = self._sends.named(key, message["content"])
            assert send.conversation_id == conversation_id
            if message["status"] == "failed":
                assert message["error"] not in TRANSIENT, f"failed because of {message['error']}"
                given = self._gateway.final_codes.get(key, set())
                assert message["error"] in given, f"failed by {message['error']}, which was not about it"
        for send in self._sends.all:
            is_own = send.conversation_id == conversation_id and send.tab == self._tab
            if is_own and send.key and not send.is_free and send.key not in shown:
                assert self._may_be_absent(send, view), f"{send.content[:8]} is not shown"
                send.is_known = True

    def _may_be_absent(self, send: Send, view: View) -> bool:
        """Whether a message is in the log at a place that the view does not have, or of an earlier history."""
        place = self._gateway.place(send.conversation_id, str(send.key))
        if place is None:
            return bool(send.done_in) or send.is_known
        return view.start is None or place < view.start or view.epoch is not send.epoch


def has_word(text: str, word: str) -> bool:
    """Return whether a text has a word, and not only as a part of another one."""
    place = text.find(word)
    while place >= 0:
        end = place + len(word)
        if not re.search(r"\w", text[max(0, place - 1) : place] + text[end : end + 1]):
            return True
        place = text.find(word, end)
    return False


def number(history_id: str) -> int:
    """Return the number of a history: a higher one is newer."""
    return int(history_id.partition(".")[0])
