"""Checks whether a finished conversation obeys the laws, from its items, responses and pushes.

The checker does not depend on how the application reached this state. It takes the log from the store; every read,
every push and every response must agree with it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from chalicelib.aws.dynamodb.keys import LEASE
from chalicelib.aws.dynamodb.log_items import event_from_item, reaction_from_item
from chalicelib.aws.dynamodb.values import unmarshal_item
from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.kernel.errors import NotFound
from chalicelib.core.sessions.subscriptions import MAX_SYNC_EVENTS
from tests.invariants.harness import Harness, Process
from tests.invariants.message_projection import MessageProjection
from tests.support.checking import check_frame
from tests.support.items import FrozenStore, Items, plain
from tests.support.message_fields import for_any_reader
from tests.support.unpacking import answers

Event = dict[str, Any]
PAGE_LIMITS = (1, 2, 100)
FEW = 6
KNOWN_OWN_MESSAGES = 100
"""Own messages after the read pointer that do not count as unread."""


@dataclass(frozen=True)
class Member:
    """A membership, as the log implies it."""

    role: str
    name: str
    epoch: int
    muted_until: str | None = None


class LogState:
    """The state that the log implies: members, bans, mutes."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)
        self.members: dict[str, Member] = {}
        self.went_by: dict[str, int] = {}
        self.now = MessageProjection()
        self.banned: set[str] = set()
        self.traces: set[str] = set()
        """Users who are not members and have a record of a past membership."""
        self.audit: list[tuple[int, str, str, str | None, int | None]] = []
        """The expected audit: sequence id, action, actor, target, message."""
        for event in self.events:
            self._take(event)

    @property
    def messages(self) -> list[Event]:
        """The messages in their current versions."""
        return self.now.current

    def _take(self, event: Event) -> None:
        number, sender = event["sequence_id"], event["sender"]["participant_id"]
        who: dict[str, Any] = event.get("participant", {})
        match event["type"]:
            case "conversation_created":
                for participant in event["participants"]:
                    self._enter(participant, number)
                assert sender in self.members, f"event {number} is by {sender}, who is not in"
                return
            case "participant_joined":
                assert event["reason"] == "added" or sender == who["participant_id"]
                self._enter(who, number)
            case "participant_updated":
                self._update(event, who)
            case "participant_banned":
                assert who["participant_id"] not in self.members, f"event {number} bans somebody who is in"
                self._ban(number, sender, who["participant_id"])
            case "participant_unbanned":
                self.banned.remove(who["participant_id"])
                self._used(number, "unbanned", sender, who["participant_id"])
            case "conversation_updated":
                self._used(number, "conversation_updated", sender)
            case "message_deleted" | "reaction_removed":
                self._removes(event)
        assert sender in self.members, f"event {number} ({event['type']}) is by {sender}, who is not in"
        self.now.apply(event, self.members[sender].role)
        if event["type"] in ("message", "message_edited", "reaction_added"):
            until = self.members[sender].muted_until
            assert until is None or event["created_at"] >= until, f"event {number} is by {sender}, who is muted"
        if event["type"] == "participant_left":
            del self.members[who["participant_id"]]
            self.went_by[who["participant_id"]] = number
            self.traces.add(who["participant_id"])
            if event["reason"] == "removed":
                self._used(number, "removed", sender, who["participant_id"])
            if event["reason"] == "banned":
                self._ban(number, sender, who["participant_id"])
            owners = [member for member in self.members.values() if member.role == "owner"]
            assert owners or not self.members, f"nobody is owner after event {number}"

    def _enter(self, who: dict[str, Any], number: int) -> None:
        assert who["participant_id"] not in self.members, f"event {number} lets somebody in who is in"
        assert who["participant_id"] not in self.banned, f"event {number} admits a banned user"
        self.members[who["participant_id"]] = Member(who["role"], who["name"], number, who.get("muted_until"))
        self.traces.discard(who["participant_id"])

    def _update(self, event: Event, who: dict[str, Any]) -> None:
        number, sender, whom = event["sequence_id"], event["sender"]["participant_id"], who["participant_id"]
        before = self.members[whom]
        after = replace(before, role=who["role"], muted_until=who.get("muted_until"))
        assert after.role != "owner" or after.muted_until is None, f"event {number} leaves an owner muted"
        was_muted = before.muted_until is not None and before.muted_until > event["created_at"]
        if after.role != before.role:
            self._used(number, "role_changed", sender, whom)
        if after.muted_until is not None and after.muted_until != before.muted_until:
            self._used(number, "muted", sender, whom)
        if after.muted_until is None and was_muted:
            self._used(number, "unmuted", sender, whom)
        self.members[whom] = after

    def _ban(self, number: int, by: str, whom: str) -> None:
        assert whom not in self.banned, f"event {number} bans {whom} again"
        self.banned.add(whom)
        self.traces.add(whom)
        self._used(number, "banned", by, whom)

    def _removes(self, event: Event) -> None:
        if event["type"] == "reaction_removed":
            if "participant_id" in event:
                by = event["sender"]["participant_id"]
                self._used(event["sequence_id"], "reaction_removed", by, event["participant_id"], event["target"])
            return
        (author,) = [
            message["sender"]["participant_id"]
            for message in self.events
            if message["sequence_id"] == event["target"]
        ]
        if author != event["sender"]["participant_id"]:
            by = event["sender"]["participant_id"]
            self._used(event["sequence_id"], "message_deleted", by, author, event["target"])

    def _used(self, number: int, act: str, by: str, whom: str | None = None, target: int | None = None) -> None:
        self.audit.append((number, act, by, whom, target))


@dataclass(frozen=True)
class Verdict:
    """The findings of a check, for the assertions of a test."""

    state: str | None
    """The state of the conversation; None if it does not exist (any more)."""
    log: LogState

    @property
    def texts(self) -> list[str]:
        """The current contents of the messages, in order."""
        return self.log.now.texts

    @property
    def types(self) -> list[str]:
        """The types of all events, in order."""
        return [event["type"] for event in self.log.events]


def check(
    harness: Harness,
    *,
    subscribers: Collection[str] = (),
    tidy: bool = True,
    frozen: bool = True,
) -> Verdict:
    """Check a finished conversation. AssertionError names the law that is violated.

    `subscribers` are sockets that have been connected and subscribed since their `subscribed` reply: they must
    have received everything. `tidy=False` allows the unused rows that a crash or fault may leave. `frozen=False`
    allows reads to repair unfinished state.
    """
    return _Check(harness, harness.items(), tidy=tidy, frozen=frozen).run(subscribers)


def check_items(harness: Harness, items: Items, *, subscribers: Collection[str] = ()) -> Verdict:
    """Check given items instead of those in the store."""
    return _Check(harness, items, tidy=True, frozen=True).run(subscribers)


class _Check:
    def __init__(self, harness: Harness, items: Items, *, tidy: bool, frozen: bool) -> None:
        self._harness = harness
        self._items = items
        self._tidy = tidy
        self._frozen = frozen
        self._chat = harness.tables.conversations_table
        self._live = harness.tables.connections_table
        self._of_conversation = plain(items, self._chat, f"C#{harness.conversation}")
        self._head = self._of_conversation.get("HEAD")

    def run(self, hears: Collection[str]) -> Verdict:
        if self._head is None:
            self._nothing_to_see()
            return Verdict(None, LogState([]))
        self._log_is_contiguous()
        self._head_tells_the_truth()
        self._every_send_is_in_once()
        self._members_are_as_told()
        self._moderation_is_as_told()
        self._messages_are_as_told()
        self._acknowledged_is_in_the_log()
        self._nothing_false_was_said()
        self._strangers_heard_nothing()
        self._only_members_listen()
        if self._head["state"] == "live":
            self._read_by_everybody()
            self._heard_everything(hears)
        else:
            self._nothing_to_see()
            self._told_of_the_end(hears)
        return Verdict(self._head["state"], self._story)

    # ---- stored items ----------------------------------------------------------------------------------

    @cached_property
    def _log(self) -> list[Event]:
        return [json.loads(item["event"]) for sk, item in self._of_conversation.items() if sk.startswith("E#")]

    @cached_property
    def _story(self) -> LogState:
        return LogState(self._log)

    def _log_is_contiguous(self) -> None:
        assert self._head is not None
        ids = [event["sequence_id"] for event in self._log]
        assert ids == list(range(1, self._head["sequence_id"] + 1)), f"L3: ids {ids}, head {self._head}"
        assert {event["conversation_id"] for event in self._log} == {self._harness.conversation}
        assert [event["type"] for event in self._log].count("conversation_created") == 1
        assert self._log[0]["type"] == "conversation_created"

    def _head_tells_the_truth(self) -> None:
        assert self._head is not None
        messages = [event["sequence_id"] for event in self._story.messages]
        last = messages[-1] if messages else 0
        assert (self._head["message_count"], self._head["last_message"]) == (len(messages), last), self._head
        assert self._head["participant_count"] == len(self._story.members), "participant_count is not who is in"
        if self._head["state"] != "deleted":
            assert self._head["state"] == ("live" if self._story.members else "closed")
        if self._tidy and self._head["state"] == "live":
            assert self._head["departed"] == {}, "who has gone is still noted after all of it was cleared away"
        if self._tidy:
            queue = plain(self._items, self._chat, f"Q#{self._harness.conversation}")
            assert queue.keys() <= {LEASE}, "something is still queued"

    def _members_are_as_told(self) -> None:
        shown = {
            entry: (member.role, member.name, member.epoch, member.muted_until)
            for entry, member in self._story.members.items()
        }
        listed, places = {}, {}
        for item in plain(self._items, self._chat, f"C#{self._harness.conversation}", "P#").values():
            listed[item["participant_id"]] = _place(item)
        for person in map(self._harness.participant_id, self._harness.names):
            for item in plain(self._items, self._chat, f"U#{person}", "C#").values():
                places[item["participant_id"]] = _place(item)
                self._pointer_is_right(item)
        assert listed == shown, "the list of participants is not what the log tells"
        assert places == shown, "the memberships are not what the log tells"

    def _moderation_is_as_told(self) -> None:
        where = f"C#{self._harness.conversation}"
        bans = {item["participant_id"] for item in plain(self._items, self._chat, where, "B#").values()}
        assert bans == self._story.banned, "the bans are not what the log tells"
        kept = {sk.removeprefix("L#") for sk in plain(self._items, self._chat, where, "L#")}
        people = [self._harness.participant_id(name) for name in self._harness.names]
        noted = {person for person in people if plain(self._items, self._chat, f"U#{person}", "F#")}
        assert kept == noted == self._story.traces, "who was here is not found, or what is found means nothing"
        entries = [
            (item["sequence_id"], item["action"], item["actor_id"], item.get("participant_id"), item.get("target"))
            for item in plain(self._items, self._chat, where, "A#").values()
            if not item["action"].startswith("invite_")
        ]
        assert entries == self._story.audit, "the audit is not what the log tells"

    def _pointer_is_right(self, place: dict[str, Any]) -> None:
        read = [message for message in self._story.messages if message["sequence_id"] <= place["read_up_to"]]
        assert place["read_message_count"] == len(read), f"{place}, but {len(read)} messages are up to there"
        who = place["participant_id"]
        sent = [message for message in self._story.messages if message["sender"]["participant_id"] == who]
        assert 1 <= place["read_up_to"] <= len(self._log), f"{place} points beyond the log"
        own = [message["sequence_id"] for message in sent if message["sequence_id"] > place["read_up_to"]]
        kept = place.get("own_unread_0", frozenset()) | place.get("own_unread_1", frozenset())
        later = sorted(number for number in kept if number > place["read_up_to"])
        assert set(later) <= set(own), f"{place} keeps messages that are not {who}'s"
        assert later[-KNOWN_OWN_MESSAGES:] == own[-KNOWN_OWN_MESSAGES:], f"{place} misses messages of {who}"

    def _messages_are_as_told(self) -> None:
        now = self._story.now
        for sk, item in self._of_conversation.items():
            if sk.startswith("E#"):
                kept = event_from_item(item)
                number = kept.event["sequence_id"]
                assert kept.deleted_by == now.deleted_by.get(number, 0), (
                    f"{number} is deleted by {kept.deleted_by}"
                )
                if number in now.versions:
                    assert kept.current == now.versions[number][-1], f"{number} is not what the log tells"
                else:
                    assert kept.state is None, f"event {number} is no message and has changed"
        reactions = [reaction_from_item(item) for sk, item in self._of_conversation.items() if sk.startswith("R#")]
        there = {
            (reaction.target, reaction.participant_id, reaction.emoji): reaction.sequence_id
            for reaction in reactions
            # Reactions to deleted messages are ignored, and may remain if their deletion was interrupted.
            if self._tidy or reaction.target not in now.deleted_by
        }
        assert there == now.reactions, "who has reacted is not what the log tells"

    def _every_send_is_in_once(self) -> None:
        sends = [
            (event["sender"]["participant_id"], event["client_message_id"])
            for event in self._story.messages
            if "client_message_id" in event
        ]
        assert len(sends) == len(set(sends)), f"L2: a send is in the log twice: {sends}"
        message_ids = [event["message_id"] for event in self._story.messages]
        assert len(message_ids) == len(set(message_ids))
        records = [unmarshal_item(item) for key, item in self._items.items() if key.pk.startswith("K#")]
        recorded = {(record["message_id"], record["sequence_id"], record["created_at"]) for record in records}
        assert len(records) == len(recorded)
        messages = {
            (event["message_id"], event["sequence_id"], event["created_at"]): "client_message_id" in event
            for event in self._story.messages
        }
        # A message without the client's id has a record if it was queued: its sender finds it by that.
        assert {message for message, has_key in messages.items() if has_key} <= recorded <= messages.keys(), (
            "L2: what makes repeats one send is not what the log holds"
        )

    # ---- pushes and responses --------------------------------------------------------------------------

    def _acknowledged_is_in_the_log(self) -> None:
        for post in self._harness.posts:
            for answer in answers(post.frame):
                if answer["type"] == "message_ack":
                    self._is_acknowledged(answer, self._person_of(post.connection_id))
        for response in self._harness.responses:
            if response.request == "send":
                self._is_kept(response.body, "L1: answered, and not in the log")
                assert response.body["sender"]["participant_id"] == response.participant_id

    def _is_acknowledged(self, ack: dict[str, Any], participant_id: str) -> None:
        event = self._event(ack["sequence_id"])
        for name in ("message_id", "client_message_id", "created_at"):
            assert event[name] == ack[name], f"L1: {ack} of {event}"
        assert event["sender"]["participant_id"] == participant_id

    def _nothing_false_was_said(self) -> None:
        for post in self._harness.posts:
            check_frame(json.dumps(post.frame, ensure_ascii=False))
            named = {frame["history_id"] for frame in (post.frame, *answers(post.frame)) if "history_id" in frame}
            assert named <= {str(self._harness.tables.settings.history_id)}, f"a frame of another history: {named}"
        for _, sent in self._said():
            for event in _events_in(sent):
                self._is_kept(event, "L3: a reader was shown another event")
            for message in _messages_in(sent):
                self._event(message["sequence_id"])
                assert self._story.now.was_shown_as(message), (
                    f"a reader was shown what the message never was: {message}"
                )
            if isinstance(sent, dict) and "head" in sent and "events" in sent:
                _page_is_a_prefix(sent, len(self._log))
            if isinstance(sent, dict) and "messages" in sent:
                self._messages_have_no_hole(sent["messages"])

    def _is_kept(self, shown: Event, law: str) -> None:
        assert self._story.now.matches_stored(shown, self._event(shown["sequence_id"])), f"{law}: {shown}"

    def _messages_have_no_hole(self, messages: list[Event]) -> None:
        if messages:
            ids = [event["sequence_id"] for event in self._story.messages]
            shown = [event["sequence_id"] for event in messages]
            first = ids.index(shown[0])
            assert shown == ids[first : first + len(shown)], f"L4: a page with a hole: {shown} of {ids}"

    def _strangers_heard_nothing(self) -> None:
        """L7, by sequence ids: a member who left by event n receives n and nothing later."""
        for person, sent in self._said():
            if person in self._story.members:
                continue
            end = self._story.went_by.get(person, 0)
            beyond = [number for number in _numbers_in(sent) if number >= end]
            assert not beyond, f"L7: {person} went by event {end} and was told of {beyond}: {sent}"
            if end == 0 and isinstance(sent, dict):
                assert sent.get("type") in (None, "error", "welcome", "pong"), f"L7: a stranger was told {sent}"

    def _said(self) -> Iterator[tuple[str, Any]]:
        """Return all frames and responses about the conversation, each with its recipient."""
        for post in self._harness.posts:
            for frame in answers(post.frame):
                yield self._person_of(post.connection_id), frame
        for answer in self._harness.responses:
            if answer.request in ("events", "messages", "view", "send", "edit", "who reacted"):
                yield answer.participant_id, answer.body

    def _person_of(self, connection_id: str) -> str:
        (socket,) = [name for name in self._harness.sockets if self._harness.connection_id(name) == connection_id]
        return self._harness.owner_id(socket)

    def _event(self, number: int) -> Event:
        assert 1 <= number <= len(self._log), f"L1: event {number} was shown, but the log ends at {len(self._log)}"
        return self._log[number - 1]

    # ---- subscriptions ---------------------------------------------------------------------------------

    def _only_members_listen(self) -> None:
        assert self._head is not None
        if self._head["state"] != "live":
            return  # rows that remain after the end are not read, and expire
        departed = {
            tombstone["participant_id"]: tombstone["event"] for tombstone in self._head["departed"].values()
        }
        for item in plain(self._items, self._live, f"C#{self._harness.conversation}", "S#").values():
            person, epoch = item["participant_id"], item["epoch"]
            member = self._story.members.get(person)
            if not self._tidy and departed.get(person, 0) > epoch:
                continue
            assert member is not None, f"L7: {person} is no member and is still subscribed"
            assert member.epoch == epoch, f"L7: {person} is subscribed under an earlier membership"
        if self._tidy:
            for socket in self._harness.sockets:
                self._rows_of_a_socket_agree(socket)

    def _rows_of_a_socket_agree(self, socket: str) -> None:
        connection_id, where = self._harness.connection_id(socket), self._harness.conversation
        rows = plain(self._items, self._live, f"X#{connection_id}")
        row = rows.get("CONNECTION")
        received = plain(self._items, self._live, f"C#{where}").get(f"S#{connection_id}")
        reachable = plain(self._items, self._live, f"U#{self._harness.owner_id(socket)}").get(f"X#{connection_id}")
        if row is None:
            # A command that was in progress may leave its order, which expires.
            rows = {
                sk: item for sk, item in rows.items() if "is_tombstone" not in item and not sk.startswith("T#")
            }
            assert (rows, received, reachable) == ({}, None, None), f"the closed socket {socket} left something"
        elif row["is_stale"]:
            assert (received, reachable) == (None, None), f"the gone socket {socket} is still posted to"
        else:
            assert (reachable is not None) == row["is_active"], f"the socket {socket} cannot be found"
            remembered = rows.get(f"S#{where}")
            is_subscribed = remembered is not None and "is_tombstone" not in remembered
            assert (received is not None) == is_subscribed, f"the socket {socket} is half subscribed"
            if received is not None:
                assert received["generation"] == row["generation"], f"the socket {socket} has an old subscription"

    def _heard_everything(self, hears: Collection[str]) -> None:
        for socket in hears:
            if self._harness.owner_id(socket) not in self._story.members:
                continue
            started = 1 if socket in self._harness.setup.subscribed else None
            has: set[int] = set()
            for frame in self._harness.pushed_frames(socket):
                has |= {event["sequence_id"] for event in _events_in(frame)}
                if frame["type"] == "subscribed" and started is None:
                    started = frame["head"]
            assert started is not None, f"{socket} was never told that it is subscribed"
            missing = set(range(started + 1, len(self._log) + 1)) - has
            assert not missing, f"L5: {socket}, subscribed at head {started}, never heard of {sorted(missing)}"

    def _told_of_the_end(self, hears: Collection[str]) -> None:
        assert self._head is not None
        if self._head["state"] != "deleted":
            return
        for socket in hears:
            if self._harness.owner_id(socket) in self._story.members:
                assert self._harness.pushed_frames(socket, "conversation_deleted"), (
                    f"{socket} was not told of the deletion"
                )

    # ---- reads -----------------------------------------------------------------------------------------

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
        state = self._state()
        if self._frozen and state in self._harness.tables.verified_states:
            return
        for name in self._readers:
            if self._harness.participant_id(name) in self._story.members:
                self._reads(name)
            else:
                self._sees_nothing(name)
        self._harness.tables.verified_states.add(state)

    def _state(self) -> str:
        """Return all items, with each random value replaced by the place of its first occurrence."""
        text = "\n".join(json.dumps([*key, item], sort_keys=True) for key, item in self._items.items())
        text = text.replace(self._harness.conversation, "(conversation)").replace(self._harness.tag, "(tag)")
        names = [event["message_id"] for event in self._story.messages]
        names += [item["idempotency_key"] for item in self._of_conversation.values() if "idempotency_key" in item]
        names += [part for sk in self._of_conversation if sk.startswith("R#") for part in sk.split("#")[2:]]
        for number, name in enumerate(names):
            text = text.replace(name, f"({number})")
        return "\n".join(sorted(text.split("\n")))

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
        while True:
            page = self._reader.list_messages(name, after=found[-1]["sequence_id"] if found else 0, limit=limit)
            found += page["messages"]
            assert page["has_more"] == (len(found) < len(self._story.messages)), page
            if not page["has_more"]:
                return [for_any_reader(message) for message in found]

    def _messages_downwards(self, name: str, limit: int) -> list[Event]:
        found: list[Event] = []
        while True:
            page = self._reader.list_messages(name, before=found[0]["sequence_id"] if found else None, limit=limit)
            found = page["messages"] + found
            assert page["has_more"] == (len(found) < len(self._story.messages)), page
            if not page["has_more"]:
                return [for_any_reader(message) for message in found]


def _place(item: dict[str, Any]) -> tuple[Any, ...]:
    """Return the stored membership as the log implies it."""
    muted_until = rfc3339(item["muted_until"]) if "muted_until" in item else None
    return item["role"], item["name"], item["epoch"], muted_until


def _events_in(said: Any) -> list[Event]:
    """Return the events of a frame or response."""
    if not isinstance(said, dict):
        return []
    if said.get("type") == "event":
        return [said["event"]]
    if "message_id" in said and "version" not in said and "type" in said and said["type"] == "message":
        return [said]
    events: list[Event] = said.get("events", [])
    return events


def _messages_in(said: Any) -> list[Event]:
    """Return the messages of a frame or response, in the versions of that time."""
    if not isinstance(said, dict):
        return []
    if "version" in said:
        return [said]
    found: list[Event] = [*said.get("messages", [])]
    for holder in (said, said.get("conversation", {})):
        found += [holder["last_message"]] if "last_message" in holder else []
    return found


def _numbers_in(said: Any) -> list[int]:
    """Return all sequence ids that a frame or response reveals."""
    if not isinstance(said, dict):
        return []
    shown = (*_events_in(said), *_messages_in(said))
    numbers = [event.get("version", event["sequence_id"]) for event in shown]
    numbers += [reaction["sequence_id"] for reaction in said.get("reactions", ()) if "sequence_id" in reaction]
    numbers += [said[name] for name in ("head", "sequence_id") if name in said]
    return numbers + list((said.get("heads") or {}).values())


def _page_is_a_prefix(page: dict[str, Any], end: int) -> None:
    """L4: no gap, and `has_more` unless the page ends at the head."""
    ids = [event["sequence_id"] for event in page["events"]]
    assert ids == list(range(ids[0], ids[0] + len(ids))) if ids else True, f"L4: a page with a hole: {ids}"
    assert page["head"] <= end, f"L3: a head of {page['head']}, but the log ends at {end}"
    if ids and not page["has_more"]:
        assert ids[-1] == page["head"], f"L4: a page that ends at {ids[-1]} below the head {page['head']}"
