"""The people of one conversation: participants, presence, typing, read pointers, and the user's unread count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .outputs import JsonObject, MembersChanged, Outputs

DEFAULT_TYPING_EXPIRES = 6.0


@dataclass(slots=True)
class _Typist:
    participant: JsonObject
    sent_at: str
    ends: float | None
    """When typing ends by itself; None if it has ended."""


class Members:
    """Pages are authoritative; pushes and events change single entries between them."""

    def __init__(self, conversation_id: str, outputs: Outputs) -> None:
        self.participant_id: str | None = None
        """The user's own."""
        self.typing_expires = DEFAULT_TYPING_EXPIRES
        self.read_up_to = 0
        self.unread_count = 0
        self._outputs, self._change = outputs, MembersChanged(conversation_id)
        self._participants: dict[str, JsonObject] = {}
        self._typists: dict[str, _Typist] = {}
        self._counted = 0
        """Unread messages up to this sequence id are counted."""

    def participants(self) -> list[JsonObject]:
        """Return the known participants; of a large conversation, those of the page and of later events."""
        return list(self._participants.values())

    def typists(self) -> list[JsonObject]:
        """Return those who type now, in the order in which they began."""
        return [typist.participant for typist in self._typists.values() if typist.ends is not None]

    def clear(self) -> None:
        """Discard everything but the user's pointer, which never goes back within a history."""
        self._participants, self._typists = {}, {}
        self.unread_count = self._counted = 0

    def load(self, page: JsonObject, later: Sequence[JsonObject], now: float) -> None:
        """Take over a `subscribed` or `sync`."""
        if "participants" in page:
            self._participants = {entry["participant_id"]: entry for entry in page["participants"]}
        is_newer = page.get("read_up_to", -1) >= self.read_up_to
        if is_newer:
            self.read_up_to, self.unread_count = page["read_up_to"], page.get("unread_count") or 0
        # An older mark: the count is already that of the present view, so the later events must not count again.
        last = later[-1]["sequence_id"] if later else 0
        self._counted = page.get("head", 0) if is_newer else last
        self.apply(later, now)
        self._counted = self._counted if is_newer else 0
        self._changed()

    def mark_read(self, sequence_id: int, unread_count: int) -> None:
        """Move the user's own pointer before the server confirms it."""
        if sequence_id >= self.read_up_to:
            self.read_up_to, self.unread_count, self._counted = sequence_id, unread_count, 0
            self._changed()

    def apply(self, events: Iterable[JsonObject], now: float) -> None:
        """Apply events that follow the position."""
        is_counted, typists, participants = False, self._typists, self._participants
        for event in events:
            if event["type"] != "message":
                self._apply(event)
                continue
            number, sender = event["sequence_id"], event["sender"]["participant_id"]
            if sender in typists:
                self._end_typing(sender, event["created_at"])
            if sender == self.participant_id:
                if self.read_up_to == number - 1:  # an own message directly after the pointer moves it
                    self.read_up_to, is_counted = number, True
            elif number > self._counted and number > self.read_up_to:
                self.unread_count += 1
                is_counted = True
            entry = participants.get(sender)
            if entry is not None and entry.get("read_up_to") == number - 1:
                self._read(sender, number)
        if is_counted:
            self._changed()

    def _apply(self, event: JsonObject) -> None:
        match event["type"]:
            case "participant_joined" | "participant_updated":
                self._update(event["participant"])
            case "participant_left":
                participant_id = event["participant"]["participant_id"]
                self._participants.pop(participant_id, None)
                self._end_typing(participant_id, event["created_at"])
                self._changed()
            case "participant_erased":
                self._participants.pop(event["sender"]["participant_id"], None)
                self._changed()
            case _:
                pass

    def _update(self, participant: JsonObject) -> None:
        participant_id = participant["participant_id"]
        known = dict(self._participants.get(participant_id, {}))
        known.pop("muted_until", None)
        self._participants[participant_id] = known | participant
        if participant.get("muted_until"):
            self._end_typing(participant_id, "")
        self._changed()

    def pushed(self, frame: JsonObject, now: float) -> None:
        """Apply a `presence`, `typing` or `read`."""
        match frame["type"]:
            case "presence":
                participant = frame["participant"]
                known = self._participants.get(participant["participant_id"]) or participant
                self._participants[participant["participant_id"]] = {**known, "online": frame["online"]}
                if not frame["online"]:
                    self._end_typing(participant["participant_id"], "")
                self._changed()
            case "typing":
                self._typing(frame, now)
            case "read":
                self._read(frame["participant_id"], frame["sequence_id"])

    def _read(self, participant_id: str, sequence_id: int) -> None:
        entry = self._participants.get(participant_id)
        if entry is not None and sequence_id > (entry.get("read_up_to") or 0):
            self._participants[participant_id] = entry | {"read_up_to": sequence_id}
            self._changed()

    def _typing(self, frame: JsonObject, now: float) -> None:
        """Pushes overtake each other: an older one, and of equal ones that which begins, has no effect."""
        participant, sent_at, is_typing = frame["participant"], frame.get("sent_at", ""), frame["is_typing"]
        known = self._typists.get(participant["participant_id"])
        if known is not None and (sent_at < known.sent_at or (sent_at == known.sent_at and is_typing)):
            return
        ends = now + self.typing_expires if is_typing else None
        if known is not None and known.ends is not None and ends is not None:
            known.sent_at, known.ends = sent_at, ends
            return
        self._typists.pop(participant["participant_id"], None)
        self._typists[participant["participant_id"]] = _Typist(participant, sent_at, ends)
        self._changed()

    def _end_typing(self, participant_id: str, sent_at: str) -> None:
        typist = self._typists.get(participant_id)
        if typist is not None and typist.ends is not None:
            typist.ends, typist.sent_at = None, max(typist.sent_at, sent_at)
            self._changed()

    def next_timer(self) -> float | None:
        """Return when typing ends by itself."""
        return min((typist.ends for typist in self._typists.values() if typist.ends is not None), default=None)

    def advance(self, now: float) -> None:
        """End typing that was not repeated."""
        for participant_id, typist in self._typists.items():
            if typist.ends is not None and now >= typist.ends:
                self._end_typing(participant_id, "")

    def _changed(self) -> None:
        if not self._outputs or self._outputs[-1] is not self._change:
            self._outputs.append(self._change)


def unread_after(events: Iterable[JsonObject], read_up_to: int, participant_id: str | None) -> int:
    """Return how many of these events are unread messages of others."""
    messages = (event for event in events if event["type"] == "message" and event["sequence_id"] > read_up_to)
    return sum(event["sender"]["participant_id"] != participant_id for event in messages)
