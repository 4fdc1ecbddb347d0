"""Redaction of stored events, when a participant is erased or content expires.

Apart from deletion (`events.py`), nothing else changes a stored event, and the event keeps its ids and its time.
The title and metadata of a conversation are not redacted: they belong to the conversation.
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
    """The erasure of a participant in one conversation."""

    participant_id: str
    pseudonym: str
    """The id that replaces theirs."""
    at: str
    """When the erasure was requested, as clients receive it."""
    event: int
    """The sequence id of the `participant_erased` event, which deletes all of their messages."""

    def apply(self, logged: StoredEvent) -> StoredEvent:
        """Return an event without the participant's id, name and content; the same object if nothing changes."""
        is_their_content = logged.event["type"] in _CONTENT_EVENTS and self._matches(logged.event["sender"])
        event = self._without_names(logged.event)
        if not is_their_content:
            state = logged.state
            if state is not None and "mentions" in state.overrides:
                mentions = self._ids(state.overrides["mentions"])
                state = replace(state, overrides={**state.overrides, "mentions": mentions})
            redacted = replace(logged, event=event, state=state)
            return logged if redacted == logged else redacted
        # A deletion keeps the client's id of the message, which may contain anything.
        left = {name: value for name, value in tombstone(event).items() if name != "client_message_id"}
        if event["type"] == "message_edited":
            return replace(logged, event=left)
        left["deleted_at"] = logged.event.get("deleted_at", self.at)
        return replace(logged, event=left, state=None, deleted_by=logged.deleted_by or self.event)

    def id(self, participant_id: str | None) -> str | None:
        """Return the pseudonym if the id is theirs, and else the id."""
        return self.pseudonym if participant_id == self.participant_id else participant_id

    def _without_names(self, event: Event) -> Event:
        changed: dict[str, Any] = {"sender": self._actor(event["sender"])}
        if "participant" in event:
            changed["participant"] = self._actor(event["participant"])
        if "participants" in event:
            changed["participants"] = [self._actor(participant) for participant in event["participants"]]
        if "participant_id" in event:
            changed["participant_id"] = self.id(event["participant_id"])
        if "mentions" in event:
            changed["mentions"] = self._ids(event["mentions"])
        return {**event, **changed}

    def _actor(self, actor: Mapping[str, Any]) -> dict[str, Any]:
        if not self._matches(actor):
            return dict(actor)
        name = {"name": ERASED_NAME} if "name" in actor else {}
        return {**actor, "participant_id": self.pseudonym, **name}

    def _matches(self, actor: Mapping[str, Any]) -> bool:
        return bool(actor["participant_id"] == self.participant_id)

    def _ids(self, participant_ids: list[str]) -> list[str]:
        return [self.pseudonym if known == self.participant_id else known for known in participant_ids]


def expire(logged: StoredEvent) -> StoredEvent:
    """Return an expired message without its content; the same object if it has none."""
    if "content" not in logged.event:
        return logged
    return replace(logged, event={**tombstone(logged.event), "expired": True}, state=None)
