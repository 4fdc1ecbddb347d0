"""A log as a reader sees it: the messages from a marked start up to a position, with all updates folded in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

Event = dict[str, Any]
Shown = dict[str, Any]


class FoldedLog:
    """The messages of one log. The log only grows, so that each event is folded in once."""

    def __init__(self, log: Sequence[Event]) -> None:
        self._log = log
        self._read = 0
        self._places: list[int] = []
        self._by_sender: dict[str, list[Event]] = {}
        self._updates: dict[int, list[Event]] = {}
        """By message: the edits, deletions and reactions, in their order."""
        self._versions: dict[tuple[int, int], Shown] = {}
        """By message and number of updates."""

    def shown(self, start: int, position: int) -> list[Shown]:
        """Return the messages from `start` on, as the events up to `position` make them."""
        self._read_on()
        first, end = bisect_left(self._places, start), bisect_right(self._places, position)
        return [self._at(place, position) for place in self._places[first:end]]

    def messages_of(self, participant_id: str) -> Sequence[Event]:
        """Return the messages of a participant, in the order of the log."""
        self._read_on()
        return self._by_sender.get(participant_id, [])

    def _read_on(self) -> None:
        for event in self._log[self._read :]:
            if event["type"] == "message":
                self._places.append(event["sequence_id"])
                self._by_sender.setdefault(event["sender"]["participant_id"], []).append(event)
            elif "target" in event:
                self._updates.setdefault(event["target"], []).append(event)
        self._read = len(self._log)

    def _at(self, place: int, position: int) -> Shown:
        updates = self._updates.get(place, [])
        return self._version(place, sum(update["sequence_id"] <= position for update in updates))

    def _version(self, place: int, count: int) -> Shown:
        version = self._versions.get((place, count))
        if version is None:
            if count:
                version = _updated(self._version(place, count - 1), self._updates[place][count - 1])
            else:
                version = _as_sent(self._log[place - 1])
            self._versions[place, count] = version
        return version


def _as_sent(event: Event) -> Shown:
    return {
        "status": "sent",
        "sequence_id": event["sequence_id"],
        "client_message_id": event.get("client_message_id"),
        "sender": event["sender"]["participant_id"],
        "content": event["content"],
        "is_deleted": False,
        "reactions": [],
    }


def _updated(shown: Shown, event: Event) -> Shown:
    if shown["is_deleted"]:
        return shown
    if event["type"] == "message_edited":
        return shown | {"content": event["content"]}
    if event["type"] == "message_deleted":
        return shown | {"content": None, "is_deleted": True, "reactions": []}
    participant = event["sender"]["participant_id"]
    chosen = dict(shown["reactions"])
    others = [other for other in chosen.get(event["emoji"], []) if other != participant]
    chosen[event["emoji"]] = [*others, participant] if event["type"] == "reaction_added" else others
    return shown | {"reactions": [[emoji, users] for emoji, users in chosen.items() if users]}
