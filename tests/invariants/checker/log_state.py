"""The state of a conversation as its log implies it: members, moderation, messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.invariants.message_projection import MessageProjection

Event = dict[str, Any]


@dataclass(frozen=True)
class Member:
    """A membership, as the log implies it."""

    role: str
    name: str
    epoch: int
    muted_until: str | None = None


def is_system(event: Event) -> bool:
    """Whether a service caused an event, for no participant; a participant has neither this type nor this id."""
    is_it = bool(event["sender"]["type"] == "system")
    assert is_it == (event["sender"]["participant_id"] == "system")
    return is_it


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
                assert sender in self.members or is_system(event), f"event {number} is by {sender}, who is not in"
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
        assert sender in self.members or is_system(event), (
            f"event {number} ({event['type']}) is by {sender}, who is not in"
        )
        self.now.apply(event, "moderator" if is_system(event) else self.members[sender].role)
        if event["type"] in ("message", "message_edited", "reaction_added") and not is_system(event):
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
