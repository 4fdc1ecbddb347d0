"""The current versions of a conversation's messages, computed from its log alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tests.support.message_fields import CONTENT_FIELDS, for_any_reader

Event = dict[str, Any]
MODERATOR_ROLES = ("owner", "moderator")
DELETED = "(deleted)"
MAX_EMOJI = 20


class MessageProjection:
    """Applies one event after another. AssertionError for an event that is not allowed at its position."""

    def __init__(self) -> None:
        self.versions: dict[int, list[Event]] = {}
        """All versions of each message by sequence id; without contents if it is deleted now."""
        self.deleted_by: dict[int, int] = {}
        self.reactions: dict[tuple[int, str, str], int] = {}
        """By target, participant and emoji: the event that added the reaction."""

    @property
    def current(self) -> list[Event]:
        """The current versions of all messages."""
        return [versions[-1] for versions in self.versions.values()]

    @property
    def texts(self) -> list[str]:
        """The current contents."""
        return [str(message.get("content", DELETED)) for message in self.current]

    def apply(self, event: Event, role: str | None) -> None:
        """Apply an event of a sender with this role."""
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
                assert is_own or role in MODERATOR_ROLES, f"event {number} deletes what another has said"
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
                whose = event.get("participant_id", sender)
                assert whose == sender or role in MODERATOR_ROLES, f"event {number} removes another's reaction"
                removed = self.reactions.pop((target, whose, event["emoji"]), None)
                assert removed is not None, f"event {number} removes a reaction that is not there"
        counts = self._counts(now.pop("reactions", []), target)
        assert len(counts) <= MAX_EMOJI
        self.versions[target].append(now | ({"reactions": counts} if counts else {}) | {"version": number})

    def _counts(self, before: list[dict[str, Any]], target: int) -> list[dict[str, Any]]:
        """Return the reaction counts of a message in the order of first use."""
        counts: dict[str, int] = {reaction["emoji"]: 0 for reaction in before}
        for to, _, emoji in self.reactions:
            if to == target:
                counts[emoji] = counts.get(emoji, 0) + 1
        return [{"emoji": emoji, "count": count} for emoji, count in counts.items() if count]

    def _forget(self, target: int) -> None:
        self.reactions = {key: event for key, event in self.reactions.items() if key[0] != target}
        # The stored event of a deleted message is its first version without contents.
        self.versions[target].append(self.versions[target][0])

    # ---- checks ----------------------------------------------------------------------------------------

    def was_shown_as(self, shown: Event) -> bool:
        """Whether a message that was shown to a reader is one of its versions."""
        shown, number = for_any_reader(shown), shown["sequence_id"]
        if number not in self.deleted_by:
            return shown in self.versions[number]
        begun, *later, _ = self.versions[number]
        if "deleted_at" in shown:
            return shown == begun
        before = [without(begun, ("deleted_at",)), *(without(version, ("deleted_at",)) for version in later)]
        return "content" in shown and without(shown, CONTENT_FIELDS) in before

    def was_previewed_as(self, preview: Event) -> bool:
        """Whether the preview of a message is the beginning of one of its versions."""
        same, number = without(preview, ("content", "truncated")), preview["sequence_id"]
        for version in self.versions[number]:
            kept = str(preview.get("content", "")) if number in self.deleted_by else ""
            content = str(version.get("content", kept))
            shown = str(preview.get("content", content))
            is_beginning = content.startswith(shown) and (shown != content) == ("truncated" in preview)
            if is_beginning and same.items() <= version.items():
                return True
        return False

    def matches_stored(self, shown: Event, kept: Event) -> bool:
        """Whether an event that was shown equals the stored one, except for contents that a deletion removed."""
        if shown == kept:
            return True
        target = kept.get("target", kept["sequence_id"])
        if target not in self.deleted_by or kept["type"] not in ("message", "message_edited"):
            return False
        return without(shown, CONTENT_FIELDS) == without(kept, ("deleted_at",))


def without(event: Mapping[str, Any], names: Collection[str]) -> Event:
    """Return an event without these fields."""
    return {name: value for name, value in event.items() if name not in names}
