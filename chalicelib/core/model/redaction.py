"""What is left of events when somebody is erased, or when contents are past retention.

Beside deletion (`messages.py`) these are the only ways in which a stored event ever changes. It keeps its place,
its ids and its time.

Title and metadata of a conversation are the conversation's, whoever wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.model.events import Event, StoredEvent, tombstone

ERASED_NAME = "Erased"
_CONTENT_EVENTS = ("message", "message_edited")


@dataclass(frozen=True, slots=True)
class Redaction:
    """The erasure of one person in one conversation."""

    participant_id: str
    pseudonym: str
    """The id that stands for them from now on."""
    at: str
    """When they asked for it, as it stands on the wire."""
    event: int
    """The `participant_erased` event, by which all of their messages count as deleted."""

    def apply(self, logged: StoredEvent) -> StoredEvent:
        """An event without the person, and without what they said; the same one if there is nothing of them."""
        said = logged.event["type"] in _CONTENT_EVENTS and self._matches(logged.event["sender"])
        event = self._without_names(logged.event)
        if not said:
            state = logged.state
            if state is not None and "mentions" in state.overrides:
                mentions = self._ids(state.overrides["mentions"])
                state = replace(state, overrides={**state.overrides, "mentions": mentions})
            redacted = replace(logged, event=event, state=state)
            return logged if redacted == logged else redacted
        # Beside what a deletion takes, the client's own id of the message goes: it may say anything.
        left = {name: value for name, value in tombstone(event).items() if name != "client_message_id"}
        if event["type"] == "message_edited":
            return replace(logged, event=left)
        left["deleted_at"] = logged.event.get("deleted_at", self.at)
        return replace(logged, event=left, state=None, deleted_by=logged.deleted_by or self.event)

    def id(self, participant_id: str | None) -> str | None:
        """An id, which is another one if it is theirs."""
        return self.pseudonym if participant_id == self.participant_id else participant_id

    def _without_names(self, event: Event) -> Event:
        changed: dict[str, Any] = {"sender": self._actor(event["sender"])}
        if "participant" in event:
            changed["participant"] = self._actor(event["participant"])
        if "participants" in event:
            changed["participants"] = [self._actor(each) for each in event["participants"]]
        if "mentions" in event:
            changed["mentions"] = self._ids(event["mentions"])
        return {**event, **changed}

    def _actor(self, person: Mapping[str, Any]) -> dict[str, Any]:
        if not self._matches(person):
            return dict(person)
        named = {"name": ERASED_NAME} if "name" in person else {}
        return {**person, "participant_id": self.pseudonym, **named}

    def _matches(self, person: Mapping[str, Any]) -> bool:
        return bool(person["participant_id"] == self.participant_id)

    def _ids(self, participant_ids: list[str]) -> list[str]:
        return [self.pseudonym if each == self.participant_id else each for each in participant_ids]


def expire(logged: StoredEvent) -> StoredEvent:
    """A message past retention; the same one if it says nothing any more."""
    if "content" not in logged.event:
        return logged
    return replace(logged, event={**tombstone(logged.event), "expired": True}, state=None)
