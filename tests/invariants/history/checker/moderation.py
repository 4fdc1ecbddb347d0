"""Bans, mutes and invites: acknowledged ones apply, rejections have a cause, invites are not used too often.

Permissions, and that no banned user joins and no muted member sends, follow from the log: `replay.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.invariants.history.checker.knowledge import EVER, Knowledge, Log
from tests.invariants.history.checker.violation import Violation, describe
from tests.invariants.history.records import Call, Json


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """Yield all violations."""
    for log in knowledge.logs.values():
        yield from _invites(log)
        if log.is_complete:
            yield from _bans(log)
            yield from _mutes(log)


@dataclass(frozen=True, slots=True)
class _Span:
    """The bounds of a ban or mute: it cannot have started before, and had ended by then."""

    participant_id: str
    not_before: float
    over_by: float

    def can_be_during(self, call: Call, participant_id: str) -> bool:
        """Whether it can have applied to a participant at some moment of a call."""
        return (
            self.participant_id == participant_id
            and self.not_before < call.end_number
            and call.started < self.over_by
        )


def _spans(log: Log, turns: Iterator[tuple[int, str, bool]]) -> list[_Span]:
    """Return the spans between changes: event, participant, and whether it applies from there on."""
    begun: dict[str, int] = {}
    found: list[_Span] = []
    for number, participant_id, is_so in turns:
        if participant_id in begun:
            found.append(_Span(participant_id, log.not_before(begun.pop(participant_id)), log.done_by(number)))
        if is_so:
            begun[participant_id] = number
    return [
        *found,
        *(_Span(participant_id, log.not_before(number), EVER) for participant_id, number in begun.items()),
    ]


def _turns_of_bans(log: Log) -> Iterator[tuple[int, str, bool]]:
    for number, event in sorted(log.events.items()):
        if event["type"] in ("participant_banned", "participant_unbanned") or event.get("reason") == "banned":
            yield number, event["participant"]["participant_id"], event["type"] != "participant_unbanned"


def _turns_of_mutes(log: Log) -> Iterator[tuple[int, str, bool]]:
    """A mute outlasts leaving, until the next event about the membership."""
    for number, event in sorted(log.events.items()):
        if event["type"] in ("participant_joined", "participant_updated"):
            yield number, event["participant"]["participant_id"], "muted_until" in event["participant"]


def _bans(log: Log) -> Iterator[Violation]:
    spans = _spans(log, _turns_of_bans(log))
    for call in log.calls:
        if (call.kind == "ban" and call.is_ok) or call.outcome == "BANNED":
            target: str = call.arguments["participant_id"]
            if not any(span.can_be_during(call, target) for span in spans):
                law = "L1" if call.is_ok else "contract"
                yield Violation(law, f"{target} was not banned in {log.conversation_id}: {describe(call)}")


def _mutes(log: Log) -> Iterator[Violation]:
    spans = _spans(log, _turns_of_mutes(log))
    for call in log.calls:
        if call.outcome == "MUTED" and not any(span.can_be_during(call, call.caller) for span in spans):
            yield Violation("contract", f"{call.caller} was not muted in {log.conversation_id}: {describe(call)}")
        if call.kind == "mute" and call.is_ok and call.arguments["muted_for"] and not _is_said(log, call):
            yield Violation("L1", f"a mute that is not in the log: {describe(call)}")


def _is_said(log: Log, mute: Call) -> bool:
    """Whether an event agrees with the answer to a mute."""
    answer: Json = mute.answer
    return any(
        event["type"] == "participant_updated"
        and event["participant"]["participant_id"] == answer["participant_id"]
        and event["participant"].get("muted_until") == answer["muted_until"]
        for event in log.events.values()
    )


def _invites(log: Log) -> Iterator[Violation]:
    made = {call.answer["invite"]: call for call in log.calls if call.kind == "invite" and call.is_ok}
    used: dict[str, list[Call]] = defaultdict(list)
    revoked: dict[str, float] = {}
    for call in log.calls:
        if call.kind == "join" and call.is_ok and "invite" in call.arguments:
            used[call.arguments["invite"]].append(call)
        if call.kind == "revoke" and call.is_ok:
            revoked[call.arguments["invite"]] = min(call.end_number, revoked.get(call.arguments["invite"], EVER))
    for invite, joins in used.items():
        if invite not in made:
            yield Violation("L7", f"an invite that nobody has made: {describe(joins[0])}")
            continue
        most = made[invite].answer["max_uses"]
        if most is not None and len(joins) > most:
            yield Violation("contract", f"an invite for {most} was used {len(joins)} times: {describe(joins[-1])}")
        for call in joins:
            if revoked.get(invite, EVER) < call.started:
                yield Violation("L7", f"an invite that had been revoked: {describe(call)}")
