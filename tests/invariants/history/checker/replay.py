"""Goes through a log from its beginning: was each event allowed to its sender by the log before it?

A message by somebody who had left or was muted, a removal by somebody who was no moderator any more, somebody who
came although they were banned: each shows that a condition of some write was lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.invariants.history.checker.knowledge import Log
from tests.invariants.history.checker.violation import Violation
from tests.invariants.history.records import Json

MODERATORS = ("owner", "moderator")
LASTING = timedelta(minutes=10)
"""A mute that is longer holds until the program is over, whatever clock is asked."""


class Replay:
    """A complete log, event by event."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._roles: dict[str, str] = {}
        self._policy = ""
        self._banned: set[str] = set()
        self._muted: set[str] = set()
        """Who is muted for longer than the program runs, in or not."""
        self._deleted: set[int] = set()
        self._expired_up_to = 0
        self._reactions: set[tuple[int, str, str]] = set()

    def violations(self) -> Iterator[Violation]:
        """Every event that the log before it does not allow."""
        for number in sorted(self._log.events):
            event = self._log.events[number]
            if problem := self._apply(event):
                yield Violation("L7", f"event {number} of {self._log.where}: {problem}: {event}")
        owners = [who for who, role in self._roles.items() if role == "owner"]
        if self._roles and not owners:
            yield Violation("contract", f"{self._log.where} has participants and no owner")

    def _apply(self, event: Json) -> str:
        who = event["sender"]["participant_id"]
        match event["type"]:
            case "conversation_created":
                self._roles = {each["participant_id"]: each["role"] for each in event["participants"]}
                self._policy = next((call.asked["join_policy"] for call in self._log.makers[1]), "")
                return ""
            case "message":
                return self._speak(who)
            case "message_edited" | "message_deleted" | "reaction_added" | "reaction_removed":
                return self._change(who, event)
            case "participant_joined":
                return self._join(who, event)
            case "participant_left":
                return self._leave(who, event)
            case "participant_updated":
                return self._update(who, event)
            case "participant_banned" | "participant_unbanned":
                return self._ban(who, event)
            case "content_expired":
                self._expired_up_to = event["up_to"]
                return ""
        allowed = self._roles.get(who) in MODERATORS
        self._policy = event.get("join_policy", self._policy)
        return "" if allowed else "its sender was no moderator"

    def _is_in(self, who: str) -> str:
        return "" if who in self._roles else "its sender was not in"

    def _speak(self, who: str) -> str:
        return self._is_in(who) or ("its sender was muted" if who in self._muted else "")

    def _change(self, who: str, event: Json) -> str:
        target = self._log.events[event["target"]]
        reaction = (event["target"], who, event.get("emoji", ""))
        if problem := self._speak(who) if event["type"] != "message_deleted" else self._is_in(who):
            return problem
        if target["type"] != "message" or target["sequence_id"] > event["sequence_id"]:
            return "its target is no message"
        if event["target"] in self._deleted:
            return "its target was deleted"
        if event["target"] <= self._expired_up_to and event["type"] != "message_deleted":
            return "its target was past retention"
        is_own = target["sender"]["participant_id"] == who
        match event["type"]:
            case "message_edited":
                return "" if is_own else "its sender had not written it"
            case "message_deleted":
                self._deleted.add(event["target"])
                return "" if is_own or self._roles[who] in MODERATORS else "its sender may not delete it"
            case "reaction_added":
                was_there = reaction in self._reactions
                self._reactions.add(reaction)
                return "that reaction was there" if was_there else ""
        was_there = reaction in self._reactions
        self._reactions.discard(reaction)
        return "" if was_there else "that reaction was not there"

    def _join(self, who: str, event: Json) -> str:
        person, role = event["participant"]["participant_id"], event["participant"]["role"]
        if person in self._roles:
            return "they were in already"
        was_muted = person in self._muted
        self._roles[person] = role
        self._note_mute(event)
        if person in self._banned:
            return "they were banned"
        if was_muted and role != "owner" and person not in self._muted:
            return "they were muted when they left"
        if event["reason"] == "joined":
            by_invite = any("invite" in call.asked for call in self._log.makers[event["sequence_id"]])
            return "" if self._policy == "open" or by_invite else "the conversation was not open"
        actor = self._roles.get(who)
        return "" if actor == "owner" or (actor == "moderator" and role == "member") else "its sender may not add"

    def _leave(self, who: str, event: Json) -> str:
        person = event["participant"]["participant_id"]
        actor, role = self._roles.get(who), self._roles.pop(person, None)
        if role is None:
            return "they were not in"
        if self._roles and "owner" not in self._roles.values():
            return "nobody is owner after it"
        if event["reason"] == "banned":
            self._banned.add(person)
            if person == who or role == "owner":
                return "nobody may ban them"
        if person == who or actor == "owner" or (actor == "moderator" and role == "member"):
            return ""
        return "its sender may not remove them"

    def _update(self, who: str, event: Json) -> str:
        person, role = event["participant"]["participant_id"], event["participant"]["role"]
        if person not in self._roles:
            return "they were not in"
        actor, before = self._roles.get(who), self._roles[person]
        self._roles[person] = role
        self._note_mute(event)
        if "owner" not in self._roles.values():
            return "nobody is owner after it"
        if role == "owner" and "muted_until" in event["participant"]:
            return "owners are not muted"
        mutes = actor == "moderator" and before == role == "member"
        return "" if actor == "owner" or mutes else "its sender may not change them"

    def _note_mute(self, event: Json) -> None:
        person, until = event["participant"]["participant_id"], event["participant"].get("muted_until")
        self._muted.discard(person)
        if until and datetime.fromisoformat(until) - datetime.fromisoformat(event["created_at"]) > LASTING:
            self._muted.add(person)

    def _ban(self, who: str, event: Json) -> str:
        """A ban of somebody who is not in, and the end of any."""
        person = event["participant"]["participant_id"]
        was_banned = person in self._banned
        if event["type"] == "participant_banned":
            self._banned.add(person)
            if was_banned:
                return "they were banned already"
            if person in self._roles:
                return "they were in, and should have gone"
        else:
            self._banned.discard(person)
            if not was_banned:
                return "they were not banned"
        return "" if self._roles.get(who) in MODERATORS else "its sender was no moderator"
