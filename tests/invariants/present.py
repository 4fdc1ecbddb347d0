"""What the messages of a conversation are by now, as its log alone tells it: edited, reacted to, deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tests.support.message_fields import CONTENT_FIELDS

Event = dict[str, Any]
MODERATE = ("owner", "moderator")
DELETED = "(deleted)"
MOST_EMOJI = 20


class Messages:
    """Takes one event after another; AssertionError if one of them could not follow on the others."""

    def __init__(self) -> None:
        self.versions: dict[int, list[Event]] = {}
        """By sequence id: what the message was after each change. Without what it said, if it is deleted now."""
        self.deleted_by: dict[int, int] = {}
        self.reactions: dict[tuple[int, str, str], int] = {}
        """By target, participant and emoji: the event by which the reaction is there."""

    @property
    def present(self) -> list[Event]:
        """The messages as they now are."""
        return [versions[-1] for versions in self.versions.values()]

    @property
    def texts(self) -> list[str]:
        """What they say."""
        return [str(message.get("content", DELETED)) for message in self.present]

    def take(self, event: Event, role: str | None) -> None:
        """One event more, by somebody in this role."""
        number = event["sequence_id"]
        if event["type"] == "message":
            assert ("content" in event) != ("deleted_at" in event), f"a message half deleted: {event}"
            self.versions[number] = [event]
            return
        if event["type"] not in ("message_edited", "message_deleted", "reaction_added", "reaction_removed"):
            return
        target = event["target"]
        assert target in self.versions, f"event {number} changes {target}, which is no message"
        assert target not in self.deleted_by, f"event {number} changes {target}, which is deleted"
        now, sender = dict(self.versions[target][-1]), event["sender"]["participant_id"]
        is_own = sender == now["sender"]["participant_id"]
        match event["type"]:
            case "message_edited":
                assert is_own, f"event {number} edits what another has said"
                assert ("content" in event) == ("content" in now), f"of {target} and its edits not all are emptied"
                now |= {name: event[name] for name in CONTENT_FIELDS if name in event}
                now = {name: value for name, value in now.items() if name not in event or value not in ([], {})}
                now["edited_at"] = event["created_at"]
            case "message_deleted":
                assert is_own or role in MODERATE, f"event {number} deletes what another has said"
                assert "content" not in now, f"{target} is deleted and still says {now['content']}"
                assert now["deleted_at"] == event["created_at"], f"{target} was deleted at another time"
                self.deleted_by[target] = number
                self._forget(target)
                return
            case "reaction_added":
                key = (target, sender, event["emoji"])
                assert key not in self.reactions, f"event {number} adds a reaction that is there"
                self.reactions[key] = number
            case "reaction_removed":
                removed = self.reactions.pop((target, sender, event["emoji"]), None)
                assert removed is not None, f"event {number} removes a reaction that is not there"
        counts = self._counts(now.pop("reactions", []), target)
        assert len(counts) <= MOST_EMOJI
        self.versions[target].append(now | ({"reactions": counts} if counts else {}) | {"version": number})

    def _counts(self, before: list[dict[str, Any]], target: int) -> list[dict[str, Any]]:
        """The counts of a message's reactions in the order of first use."""
        counts: dict[str, int] = {each["emoji"]: 0 for each in before}
        for to, _, emoji in self.reactions:
            if to == target:
                counts[emoji] = counts.get(emoji, 0) + 1
        return [{"emoji": emoji, "count": count} for emoji, count in counts.items() if count]

    def _forget(self, target: int) -> None:
        self.reactions = {key: event for key, event in self.reactions.items() if key[0] != target}
        # What is kept of a deleted message is what it begins with.
        self.versions[target].append(self.versions[target][0])

    # ---- judging ---------------------------------------------------------------------------------------

    def was(self, shown: Event) -> bool:
        """Whether the message was, at some time, what somebody was shown of it."""
        number = shown["sequence_id"]
        if number not in self.deleted_by:
            return shown in self.versions[number]
        begun, *later, _ = self.versions[number]
        if "deleted_at" in shown:
            return shown == begun
        before = [without(begun, ("deleted_at",)), *(without(each, ("deleted_at",)) for each in later)]
        return "content" in shown and without(shown, CONTENT_FIELDS) in before

    def keeps(self, shown: Event, kept: Event) -> bool:
        """Whether an event that somebody was shown is the one that is kept, but for what a deletion took of it."""
        if shown == kept:
            return True
        target = kept.get("target", kept["sequence_id"])
        if target not in self.deleted_by or kept["type"] not in ("message", "message_edited"):
            return False
        return without(shown, CONTENT_FIELDS) == without(kept, ("deleted_at",))


def without(event: Mapping[str, Any], names: Collection[str]) -> Event:
    """An event without these fields."""
    return {name: value for name, value in event.items() if name not in names}
