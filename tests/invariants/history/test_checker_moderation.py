"""The checker accepts correct histories of bans, mutes, invites and erasures, and finds each violation."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.invariants.history.history_builder import CONVERSATION_ID, HistoryBuilder
from tests.invariants.history.records import HTTP, OK, Call, Erasure, Json


def moderated() -> HistoryBuilder:
    """Dan joins by an invite for one, cid is banned and unbanned, bob is muted, leaves, and returns muted."""
    builder = HistoryBuilder(["ann", "bob", "cid", "dan", "eve"], inside=["ann", "bob", "cid"])
    builder.subscribe("ann", "bob", "cid")
    builder.send("bob", "one", "b-1")
    builder.send("bob", "one more")
    builder.join("dan", builder.invite("ann", 1))
    builder.ban("ann", "cid")
    builder.ban("ann", "eve")
    builder.mute("ann", "bob")
    builder.send("ann", "two")
    builder.unban("ann", "cid")
    builder.add("ann", "cid")
    builder.send("cid", "three")
    builder.remove("ann", "bob")
    builder.add("ann", "bob")
    return builder


def test_correct_history_of_moderation_has_no_violation() -> None:
    builder = moderated()
    builder.mute("ann", "bob", 0)
    builder.send("bob", "four")
    builder.finish()
    assert builder.violated_laws() == set()


def says(builder: HistoryBuilder, who: str) -> None:
    builder.send(who, "and yet", push=False)


def is_refused(builder: HistoryBuilder, who: str, kind: str, code: str, **asked: str) -> None:
    builder.reject(builder.begin(kind, who, asked), code)


def comes(builder: HistoryBuilder, who: str, invite: str | None = None) -> None:
    """Join by a valid invite."""
    builder.join(who, invite or builder.invite("ann"))


def joins_again(builder: HistoryBuilder) -> None:
    """Use the invite for one once more."""
    (used,) = [call for call in builder.history.calls if call.kind == "join"]
    builder.remove("ann", "dan")
    builder.join("dan", used.arguments["invite"])


def joins_by_what_is_revoked(builder: HistoryBuilder) -> None:
    invite = builder.invite("ann")
    builder.end(builder.begin("revoke", "ann", {"invite": invite}), None, 204)
    builder.remove("ann", "dan")
    builder.join("dan", invite)


def comes_back_and_may_speak(builder: HistoryBuilder) -> None:
    builder.remove("ann", "bob")
    builder.muted.clear()
    builder.add("ann", "bob")


def is_banned_and_stays(builder: HistoryBuilder) -> None:
    """Ban a member without ending the membership."""
    call = builder.begin("ban", "ann", {"participant_id": "cid"})
    builder.append("participant_banned", "ann", participant={"participant_id": "cid"})
    builder.end(call, None, 204)


def a_ban_without_an_event(builder: HistoryBuilder) -> None:
    builder.end(builder.begin("ban", "ann", {"participant_id": "cid"}), None, 204)


def a_mute_without_an_event(builder: HistoryBuilder) -> None:
    builder.mute("ann", "cid")
    builder.log[-1]["participant"].pop("muted_until")


def a_mute_by_a_member(builder: HistoryBuilder) -> None:
    builder.mute("dan", "cid")


def a_ban_by_a_member(builder: HistoryBuilder) -> None:
    builder.ban("dan", "cid")


def a_ban_of_an_owner(builder: HistoryBuilder) -> None:
    builder.roles["cid"] = "owner"
    builder.append("participant_updated", "ann", participant=builder.member("cid"))
    builder.end(builder.begin("role", "ann", {"participant_id": "cid", "role": "owner"}), builder.member("cid"))
    builder.ban("ann", "cid")


def a_ban_that_was_not_heard(builder: HistoryBuilder) -> None:
    builder.subscribed["dan"] = "dan 0.0"
    builder.subscribe("dan")
    builder.ban("ann", "dan")
    builder.history.received = [
        frame for frame in builder.history.received if frame.frame.get("reason") != "banned"
    ]


def lifted_twice(builder: HistoryBuilder) -> None:
    builder.unban("ann", "eve")
    builder.unban("ann", "eve")


WRONGS: dict[Callable[[HistoryBuilder], object], str] = {
    (lambda builder: says(builder, "bob")): "L7",
    (lambda builder: builder.update_message("react", "bob", 2, emoji="👍")): "L7",
    (lambda builder: comes(builder, "eve")): "L7",
    (lambda builder: comes(builder, "cid", "inv_0")): "L7",
    (lambda builder: is_refused(builder, "cid", "send", "MUTED", content="x")): "contract",
    (lambda builder: is_refused(builder, "ann", "add", "BANNED", participant_id="dan")): "contract",
    joins_again: "contract",
    joins_by_what_is_revoked: "L7",
    comes_back_and_may_speak: "L7",
    is_banned_and_stays: "L7",
    a_ban_without_an_event: "L1",
    a_mute_without_an_event: "L1",
    a_mute_by_a_member: "L7",
    a_ban_by_a_member: "L7",
    a_ban_of_an_owner: "L7",
    a_ban_that_was_not_heard: "L5",
    lifted_twice: "L7",
}


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: getattr(wrong, "__name__", ""))
def test_each_violation_is_found(wrong: Callable[[HistoryBuilder], object]) -> None:
    builder = moderated()
    wrong(builder)
    builder.finish()
    assert WRONGS[wrong] in builder.violated_laws()


# ---- erasure -------------------------------------------------------------------------------------------


def erased(spoil: Callable[[list[Json]], object] = lambda _: None) -> HistoryBuilder:
    """Erase bob; `spoil` corrupts what ann reads afterwards."""
    builder = moderated()
    builder.finish()
    builder.append("participant_left", "bob", participant=builder.member("bob"), reason="left")
    builder.append("participant_erased", "bob", participant_id="erased_1")
    log = copy.deepcopy(builder.log)
    for event in log:
        if event["sender"]["participant_id"] == "bob":
            event["sender"] = {"participant_id": "erased_1", "name": "Erased", "type": "human"}
            event.pop("content", None)
        for participant in (event.get("participant", {}), *event.get("participants", [])):
            if participant.get("participant_id") == "bob":
                participant.update(participant_id="erased_1", name="Erased")
        if event["sender"]["participant_id"] == "erased_1":
            event.pop("client_message_id", None)
    spoil(log)
    answer = {"events": log, "head": len(log), "has_more": False}
    call = Call("events", "ann", CONVERSATION_ID, HTTP, {"after": 0}, 2, 0.0, OK, answer, 200, 3, 0.1)
    builder.history.erasure = Erasure("bob", [call], done=1)
    return builder


def test_correct_erasure_has_no_violation() -> None:
    assert erased().violated_laws() == set()


def test_erasure_that_does_not_finish() -> None:
    builder = erased()
    assert builder.history.erasure is not None
    builder.history.erasure.done = None
    assert builder.violated_laws() == {"contract"}


ONE, TWO = 1, 7
"""The positions of bob's and ann's messages, from 0."""


@pytest.mark.parametrize(
    ("spoil", "law"),
    [
        (lambda log: log[ONE].update(content="one"), "contract"),
        (lambda log: log[ONE]["sender"].update(name="Bob"), "contract"),
        (lambda log: log[TWO].update(mentions=["bob"]), "contract"),
        (lambda log: log[ONE]["sender"].update(participant_id="erased_2"), "contract"),
        (lambda log: log[-1].update(type="conversation_updated"), "contract"),
        (lambda log: log.pop(), "contract"),
        (lambda log: log.pop(TWO), "L1"),
        (lambda log: log.pop(TWO), "L3"),
        (lambda log: log[TWO].pop("content"), "L1"),
        (lambda log: log[TWO].update(content="other"), "L1"),
        (lambda log: log[ONE].update(created_at="2026-01-01T00:59:00Z"), "L1"),
    ],
    ids=[
        "a text",
        "a name",
        "an id",
        "another id",
        "not told",
        "the end is missing",
        "an event is gone",
        "a hole",
        "another's text is gone",
        "another's text has changed",
        "a time has changed",
    ],
)
def test_each_violation_of_an_erasure_is_found(spoil: Callable[[list[Json]], object], law: str) -> None:
    assert law in erased(spoil).violated_laws()
