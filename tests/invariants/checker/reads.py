"""Whether all reads agree with the log."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.kernel.ids import digest
from chalicelib.core.sessions.subscriptions import MAX_SYNC_EVENTS
from tests.invariants.checker.finished import KNOWN_OWN_MESSAGES, Finished
from tests.invariants.checker.log_state import Event
from tests.invariants.process import Process
from tests.support.fakes import START_TIME
from tests.support.items import FrozenStore, plain
from tests.support.message_fields import for_any_reader

PAGE_LIMITS = (1, 2, 100)
FEW = 6
_VERIFIED: Final[set[bytes]] = set()
"""The digests of the states whose reads this process has checked."""
_FOR_SENDING = {"messages", "#LEASE"}
"""The sort keys of rate limiters, and of the lease of a leader."""
_RANDOM_PART = re.compile(r"(?<=ivt_)[\w-]{22}|(?<=#at)\d{15}[0-9a-f]{8}")
"""The random part of an invite id, and time and random part in the key of an audit entry of no commit."""
_TIME = re.compile(r"([12](?<!\d\d)(?:(?<=1)[78]\d{8}(?:\d{3})?(?!\d)|\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z))")
"""A time. It begins with a character class, by which `re` finds the places to try."""
_TIME_CLASS_SECONDS = 5.0
_encode = json.JSONEncoder(sort_keys=True).encode


class Reads(Finished):
    """Reads the conversation as each of its participants."""

    @cached_property
    def _reader(self) -> Process:
        harness = replace(self._harness, posts=[], responses=[])
        whole = [*self._harness.partitions]
        # All participants are new: they have items of this conversation only.
        whole += [(self._chat, f"U#{self._harness.participant_id(name)}") for name in self._harness.names]
        whole += [(self._live, f"X#{self._harness.connection_id(socket)}") for socket in self._harness.sockets]
        engine = self._harness.tables.engine
        return harness.process(FrozenStore(engine, self._items, whole) if self._frozen else engine, skew=20.0)

    def _read_by_everybody(self) -> None:
        """Reads follow from the items: the same items under other ids need not be read again."""
        state = hashlib.sha256(self.state().encode()).digest()
        if self._frozen and state in _VERIFIED:
            return
        for name in self._readers:
            if self._harness.participant_id(name) in self._story.members:
                self._reads(name)
            else:
                self._sees_nothing(name)
        _VERIFIED.add(state)

    def state(self) -> str:
        """Return all that reads depend on, with each random value replaced by the place of its first occurrence.

        Each time is replaced by its rank among all times and by its class of five seconds. The items that only
        sending uses are left out.
        """
        items = {key: item for key, item in self._items.items() if key.sk not in _FOR_SENDING}
        text = "\n".join(_encode([*key, item]) for key, item in items.items())
        text = text.replace(self._harness.conversation, "(conversation)").replace(self._harness.tag, "(tag)")
        names = [digest(self._harness.participant_id(name)) for name in self._harness.names]
        names += [event["message_id"] for event in self._story.messages]
        names += [item["idempotency_key"] for item in self._of_conversation.values() if "idempotency_key" in item]
        names += [part for sk in self._of_conversation if sk.startswith("R#") for part in sk.split("#")[2:]]
        names += _RANDOM_PART.findall(text)
        for number, name in enumerate(names):
            text = text.replace(name, f"({number})")
        lines = sorted(_without_times(text).split("\n"))
        tables, harness = self._harness.tables, self._harness
        lines += map(repr, (type(tables.engine), tables.settings, harness.names, harness.sockets))
        return "\n".join([*lines, repr(harness.display_names)])

    def _nothing_to_see(self) -> None:
        for name in self._readers:
            self._sees_nothing(name)

    @property
    def _readers(self) -> list[str]:
        """Return all members; of many the first, the last and some in between."""
        everybody = self._harness.names
        return everybody[:: 1 + len(everybody) // FEW] + everybody[-1:] if len(everybody) > FEW else everybody

    def _sees_nothing(self, name: str) -> None:
        for read in (self._reader.list_events, self._reader.list_messages, self._reader.get_conversation):
            try:
                answer = read(name)
            except NotFound:
                continue
            raise AssertionError(f"L7: {name} is not in, and was answered {answer}")
        assert self._listed(name) == [], f"L7: {name} is not in, and finds the conversation in the list"

    def _listed(self, name: str) -> list[Any]:
        return [
            conversation
            for conversation in self._reader.list_conversations(name)
            if conversation["conversation_id"] == self._harness.conversation
        ]

    def _reads(self, name: str) -> None:
        head, messages = len(self._log), self._story.messages
        # Paging does not depend on the reader, so that one reader tries it.
        is_first = self._harness.participant_id(name) == min(self._story.members)
        for limit in PAGE_LIMITS if is_first else PAGE_LIMITS[-1:]:
            assert self._all_events(name, limit) == self._log, "L3: the raw log is read differently"
            assert self._messages_upwards(name, limit) == messages
            assert self._messages_downwards(name, limit) == messages
        view, (listed,) = self._reader.get_conversation(name), self._listed(name)
        place = self._place(name)
        later = [message for message in messages if message["sequence_id"] > place["read_up_to"]]
        own = [message for message in later if message["sender"]["participant_id"] == place["participant_id"]]
        unread = len(later) - min(len(own), KNOWN_OWN_MESSAGES)
        for seen in (view, listed):
            assert (seen["head"], seen["participant_count"]) == (head, len(self._story.members))
            assert (seen["read_up_to"], seen["unread_count"]) == (place["read_up_to"], unread), seen
            last = seen.get("last_message")
            assert (last and for_any_reader(last)) == (messages[-1] if messages else None)
            self._own_reactions_are_marked(name, [last] if last else [])
        roster = {participant["participant_id"]: participant["role"] for participant in view["participants"]}
        assert roster == {person: member.role for person, member in self._story.members.items()}
        assert [for_any_reader(message) for message in view["messages"]] == messages[-50:]
        self._own_reactions_are_marked(name, view["messages"])
        self._reads_by_socket(name, head)

    def _own_reactions_are_marked(self, name: str, messages: list[Event]) -> None:
        own = {
            (target, emoji)
            for target, person, emoji in self._story.now.reactions
            if person == self._harness.participant_id(name)
        }
        for message in messages:
            for reaction in message.get("reactions", ()):
                is_own = (message["sequence_id"], reaction["emoji"]) in own
                assert reaction["mine"] == is_own, (
                    f"{name}'s reactions to {message['sequence_id']} are marked wrong"
                )

    def _place(self, name: str) -> dict[str, Any]:
        places = plain(self._items, self._chat, f"U#{self._harness.participant_id(name)}")
        return places[f"C#{self._harness.conversation}"]

    def _reads_by_socket(self, name: str, head: int) -> None:
        for socket in self._harness.sockets:
            row = plain(self._items, self._live, f"X#{self._harness.connection_id(socket)}").get("CONNECTION")
            if self._harness.owner_id(socket) != self._harness.participant_id(name) or row is None:
                continue
            if row["is_stale"] or not row["is_active"]:
                continue  # its next frame would revive the connection, which is a write
            after = max(head - MAX_SYNC_EVENTS, 0)
            (sync,) = self._reader.send_frame(socket, "sync", after=after)
            assert (sync["events"], sync["head"]) == (self._log[after:], head), "L3: sync tells another story"
            (pong,) = self._reader.send_frame(socket, "ping", heads={self._harness.conversation: 0})
            assert pong["heads"] == {self._harness.conversation: head}, "L5: pong knows another head"

    def _all_events(self, name: str, limit: int) -> list[Event]:
        found: list[Event] = []
        while True:
            page = self._reader.list_events(name, len(found), limit)
            assert len(page["events"]) <= limit
            assert page["has_more"] == (len(found) + len(page["events"]) < len(self._log))
            found += page["events"]
            if not page["has_more"]:
                return found

    def _messages_upwards(self, name: str, limit: int) -> list[Event]:
        found: list[Event] = []
        after = 0
        while True:
            page = self._reader.list_messages(name, after=after, limit=limit)
            found += page["messages"]
            assert page["has_more"] == (len(found) < len(self._story.messages)), page
            if not page["has_more"]:
                return [for_any_reader(message) for message in found]
            assert page["next_after"] > after, "a page without progress"
            after = page["next_after"]

    def _messages_downwards(self, name: str, limit: int) -> list[Event]:
        found: list[Event] = []
        before: int | None = None
        while True:
            page = self._reader.list_messages(name, before=before, limit=limit)
            found = page["messages"] + found
            assert page["has_more"] == (len(found) < len(self._story.messages)), page
            if not page["has_more"]:
                return [for_any_reader(message) for message in found]
            assert before is None or page["next_before"] < before, "a page without progress"
            before = page["next_before"]


def _without_times(text: str) -> str:
    parts = _TIME.split(text)
    times = parts[1::2]
    seconds = {time: _seconds(time) for time in {*times}}
    ranks = {value: rank for rank, value in enumerate(sorted({*seconds.values()}))}
    # The class of the usual time of a request has it in its middle.
    placeholders = {
        time: f"(time {ranks[value]} of {round((value - START_TIME) / _TIME_CLASS_SECONDS)})"
        for time, value in seconds.items()
    }
    parts[1::2] = [placeholders[time] for time in times]
    return "".join(parts)


def _seconds(time: str) -> float:
    if "T" in time:
        return datetime.fromisoformat(time).timestamp()
    return float(time) / 10.0 ** (len(time) - 10)
