"""Bans, mutes and invites: what was acknowledged is so, who is refused for them has been, none is used too often.

Who may do it to whom, and that nobody who is banned comes and nobody who is muted speaks, follows from the log
alone: `replay.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.invariants.history.checker.knowledge import EVER, Knowledge, Log
from tests.invariants.history.checker.violation import Violation, told
from tests.invariants.history.records import Call, Json


def check(knowledge: Knowledge) -> Iterator[Violation]:
    """All of it."""
    for log in knowledge.logs.values():
        yield from _invites(log)
        if log.is_complete:
            yield from _bans(log)
            yield from _mutes(log)


@dataclass(frozen=True, slots=True)
class _Span:
    """A time for which somebody was banned or muted: it cannot have begun before, and was over by then."""

    who: str
    not_before: float
    over_by: float

    def can_be_during(self, call: Call, who: str) -> bool:
        """Whether it can have been so of somebody at some moment of a call."""
        return self.who == who and self.not_before < call.over and call.started < self.over_by


def _spans(log: Log, turns: Iterator[tuple[int, str, bool]]) -> list[_Span]:
    """The spans between turns: event, person, and whether it is so from there on."""
    begun: dict[str, int] = {}
    found: list[_Span] = []
    for number, who, is_so in turns:
        if who in begun:
            found.append(_Span(who, log.not_before(begun.pop(who)), log.done_by(number)))
        if is_so:
            begun[who] = number
    return [*found, *(_Span(who, log.not_before(number), EVER) for who, number in begun.items())]


def _turns_of_bans(log: Log) -> Iterator[tuple[int, str, bool]]:
    for number, event in sorted(log.events.items()):
        if event["type"] in ("participant_banned", "participant_unbanned") or event.get("reason") == "banned":
            yield number, event["participant"]["participant_id"], event["type"] != "participant_unbanned"


def _turns_of_mutes(log: Log) -> Iterator[tuple[int, str, bool]]:
    """A mute lasts beyond leaving, until the next event about one's own place says otherwise."""
    for number, event in sorted(log.events.items()):
        if event["type"] in ("participant_joined", "participant_updated"):
            yield number, event["participant"]["participant_id"], "muted_until" in event["participant"]


def _bans(log: Log) -> Iterator[Violation]:
    spans = _spans(log, _turns_of_bans(log))
    for call in log.calls:
        if (call.kind == "ban" and call.is_ok) or call.outcome == "BANNED":
            target: str = call.asked["participant_id"]
            if not any(span.can_be_during(call, target) for span in spans):
                law = "L1" if call.is_ok else "contract"
                yield Violation(law, f"{target} was not banned in {log.where}: {told(call)}")


def _mutes(log: Log) -> Iterator[Violation]:
    spans = _spans(log, _turns_of_mutes(log))
    for call in log.calls:
        if call.outcome == "MUTED" and not any(span.can_be_during(call, call.who) for span in spans):
            yield Violation("contract", f"{call.who} was not muted in {log.where}: {told(call)}")
        if call.kind == "mute" and call.is_ok and call.asked["muted_for"] and not _is_said(log, call):
            yield Violation("L1", f"a mute that is not in the log: {told(call)}")


def _is_said(log: Log, mute: Call) -> bool:
    """Whether an event says what somebody who muted was answered."""
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
        if call.kind == "join" and call.is_ok and "invite" in call.asked:
            used[call.asked["invite"]].append(call)
        if call.kind == "revoke" and call.is_ok:
            revoked[call.asked["invite"]] = min(call.over, revoked.get(call.asked["invite"], EVER))
    for invite, joins in used.items():
        if invite not in made:
            yield Violation("L7", f"an invite that nobody has made: {told(joins[0])}")
            continue
        most = made[invite].answer["max_uses"]
        if most is not None and len(joins) > most:
            yield Violation("contract", f"an invite for {most} was used {len(joins)} times: {told(joins[-1])}")
        for call in joins:
            if revoked.get(invite, EVER) < call.started:
                yield Violation("L7", f"an invite that had been revoked: {told(call)}")
