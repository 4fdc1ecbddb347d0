"""Replays a log: was each event allowed to its sender by the log before it?

A message of a removed or muted member, a removal by a former moderator, the join of a banned user: each shows that
a condition of a write was missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.invariants.history.checker.knowledge import Log
from tests.invariants.history.checker.violation import Violation
from tests.invariants.history.records import Json

MODERATORS = ("owner", "moderator")
LASTING = timedelta(minutes=10)
"""A mute that is longer outlasts the program, by any clock."""


class Replay:
    """Replays a complete log, event by event."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._roles: dict[str, str] = {}
        self._policy = ""
        self._banned: set[str] = set()
        self._muted: set[str] = set()
        """Participants who are muted for longer than the program, members or not."""
        self._deleted: set[int] = set()
        self._expired_up_to = 0
        self._reactions: set[tuple[int, str, str]] = set()

    def violations(self) -> Iterator[Violation]:
        """Yield every event that the log before it does not allow."""
        for number in sorted(self._log.events):
            event = self._log.events[number]
            if problem := self._apply(event):
                yield Violation("L7", f"event {number} of {self._log.conversation_id}: {problem}: {event}")
        owners = [participant_id for participant_id, role in self._roles.items() if role == "owner"]
        if self._roles and not owners:
            yield Violation("contract", f"{self._log.conversation_id} has participants and no owner")

    def _apply(self, event: Json) -> str:
        participant_id = event["sender"]["participant_id"]
        match event["type"]:
            case "conversation_created":
                self._roles = {
                    participant["participant_id"]: participant["role"] for participant in event["participants"]
                }
                self._policy = next((call.arguments["join_policy"] for call in self._log.possible_causes[1]), "")
                return ""
            case "message":
                return self._speak(participant_id)
            case "message_edited" | "message_deleted" | "reaction_added" | "reaction_removed":
                return self._change(participant_id, event)
            case "participant_joined":
                return self._join(participant_id, event)
            case "participant_left":
                return self._leave(participant_id, event)
            case "participant_updated":
                return self._update(participant_id, event)
            case "participant_banned" | "participant_unbanned":
                return self._ban(participant_id, event)
            case "content_expired":
                self._expired_up_to = event["up_to"]
                return ""
        allowed = self._roles.get(participant_id) in MODERATORS
        self._policy = event.get("join_policy", self._policy)
        return "" if allowed else "its sender was no moderator"

    def _is_in(self, participant_id: str) -> str:
        return "" if participant_id in self._roles else "its sender was not in"

    def _speak(self, participant_id: str) -> str:
        return self._is_in(participant_id) or ("its sender was muted" if participant_id in self._muted else "")

    def _change(self, participant_id: str, event: Json) -> str:
        target = self._log.events[event["target"]]
        whose = event.get("participant_id", participant_id)
        reaction = (event["target"], whose, event.get("emoji", ""))
        if (
            problem := self._speak(participant_id)
            if event["type"] != "message_deleted" and whose == participant_id
            else self._is_in(participant_id)
        ):
            return problem
        if target["type"] != "message" or target["sequence_id"] > event["sequence_id"]:
            return "its target is no message"
        if event["target"] in self._deleted:
            return "its target was deleted"
        if event["target"] <= self._expired_up_to and event["type"] != "message_deleted":
            return "its target was past retention"
        is_own = target["sender"]["participant_id"] == participant_id
        match event["type"]:
            case "message_edited":
                return "" if is_own else "its sender had not written it"
            case "message_deleted":
                self._deleted.add(event["target"])
                return (
                    "" if is_own or self._roles[participant_id] in MODERATORS else "its sender may not delete it"
                )
            case "reaction_added":
                was_there = reaction in self._reactions
                self._reactions.add(reaction)
                return "that reaction was there" if was_there else ""
        if whose != participant_id and self._roles[participant_id] not in MODERATORS:
            return "its sender may not remove another's reaction"
        was_there = reaction in self._reactions
        self._reactions.discard(reaction)
        return "" if was_there else "that reaction was not there"

    def _join(self, participant_id: str, event: Json) -> str:
        participant, role = event["participant"]["participant_id"], event["participant"]["role"]
        if participant in self._roles:
            return "they were in already"
        was_muted = participant in self._muted
        self._roles[participant] = role
        self._note_mute(event)
        if participant in self._banned:
            return "they were banned"
        if was_muted and role != "owner" and participant not in self._muted:
            return "they were muted when they left"
        if event["reason"] == "joined":
            by_invite = any("invite" in call.arguments for call in self._log.possible_causes[event["sequence_id"]])
            return "" if self._policy == "open" or by_invite else "the conversation was not open"
        if event["reason"] == "accepted":
            asked_by = {
                call.caller
                for call in self._log.calls
                if call.kind in ("ask", "add") and call.arguments["participant_id"] == participant
            }
            return "" if any(self._may_add(adder, role) for adder in asked_by) else "no addition was pending"
        return "" if self._may_add(participant_id, role) else "its sender may not add"

    def _may_add(self, participant_id: str, role: str) -> bool:
        actor = self._roles.get(participant_id)
        return actor == "owner" or (actor == "moderator" and role == "member")

    def _leave(self, participant_id: str, event: Json) -> str:
        participant = event["participant"]["participant_id"]
        actor, role = self._roles.get(participant_id), self._roles.pop(participant, None)
        if role is None:
            return "they were not in"
        if self._roles and "owner" not in self._roles.values():
            return "nobody is owner after it"
        if event["reason"] == "banned":
            self._banned.add(participant)
            if participant == participant_id or role == "owner":
                return "nobody may ban them"
        if participant == participant_id or actor == "owner" or (actor == "moderator" and role == "member"):
            return ""
        return "its sender may not remove them"

    def _update(self, participant_id: str, event: Json) -> str:
        participant, role = event["participant"]["participant_id"], event["participant"]["role"]
        if participant not in self._roles:
            return "they were not in"
        actor, before = self._roles.get(participant_id), self._roles[participant]
        self._roles[participant] = role
        self._note_mute(event)
        if "owner" not in self._roles.values():
            return "nobody is owner after it"
        if role == "owner" and "muted_until" in event["participant"]:
            return "owners are not muted"
        mutes = actor == "moderator" and before == role == "member"
        return "" if actor == "owner" or mutes else "its sender may not change them"

    def _note_mute(self, event: Json) -> None:
        participant, until = event["participant"]["participant_id"], event["participant"].get("muted_until")
        self._muted.discard(participant)
        if until and datetime.fromisoformat(until) - datetime.fromisoformat(event["created_at"]) > LASTING:
            self._muted.add(participant)

    def _ban(self, participant_id: str, event: Json) -> str:
        """Apply the ban of a non-member, or the end of a ban."""
        participant = event["participant"]["participant_id"]
        was_banned = participant in self._banned
        if event["type"] == "participant_banned":
            self._banned.add(participant)
            if was_banned:
                return "they were banned already"
            if participant in self._roles:
                return "they were in, and should have gone"
        else:
            self._banned.discard(participant)
            if not was_banned:
                return "they were not banned"
        return "" if self._roles.get(participant_id) in MODERATORS else "its sender was no moderator"
