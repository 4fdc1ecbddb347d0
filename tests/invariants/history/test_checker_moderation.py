"""What the checker says of bans, mutes, invites, erasures: nothing of a good history, of a wrong one its law."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.invariants.history.records import HTTP, OK, Call, Erasure, Json
from tests.invariants.history.story import WHERE, Story


def moderated() -> Story:
    """Dan comes by an invite for one, cid is banned and unbanned, bob is muted, goes, and comes back muted."""
    story = Story(["ann", "bob", "cid", "dan", "eve"], inside=["ann", "bob", "cid"])
    story.subscribes("ann", "bob", "cid")
    story.says("bob", "one", "b-1")
    story.says("bob", "one more")
    story.joins("dan", story.invites("ann", 1))
    story.bans("ann", "cid")
    story.bans("ann", "eve")
    story.mutes("ann", "bob")
    story.says("ann", "two")
    story.unbans("ann", "cid")
    story.adds("ann", "cid")
    story.says("cid", "three")
    story.removes("ann", "bob")
    story.adds("ann", "bob")
    return story


def test_a_history_of_moderation_without_any_wrong_breaks_no_law() -> None:
    story = moderated()
    story.mutes("ann", "bob", 0)
    story.says("bob", "four")
    story.becomes_quiet()
    assert story.laws_broken() == set()


def says(story: Story, who: str) -> None:
    story.says(who, "and yet", push=False)


def is_refused(story: Story, who: str, kind: str, code: str, **asked: str) -> None:
    story.refuses(story.begins(kind, who, asked), code)


def comes(story: Story, who: str, invite: str | None = None) -> None:
    """Somebody joins by an invite that is as good as any."""
    story.joins(who, invite or story.invites("ann"))


def joins_again(story: Story) -> None:
    """The invite for one is used once more."""
    (used,) = [call for call in story.history.calls if call.kind == "join"]
    story.removes("ann", "dan")
    story.joins("dan", used.asked["invite"])


def joins_by_what_is_revoked(story: Story) -> None:
    invite = story.invites("ann")
    story.ends(story.begins("revoke", "ann", {"invite": invite}), None, 204)
    story.removes("ann", "dan")
    story.joins("dan", invite)


def comes_back_and_may_speak(story: Story) -> None:
    story.removes("ann", "bob")
    story.muted.clear()
    story.adds("ann", "bob")


def is_banned_and_stays(story: Story) -> None:
    """The event says that somebody who is in is banned, and does not end that."""
    call = story.begins("ban", "ann", {"participant_id": "cid"})
    story.append("participant_banned", "ann", participant={"participant_id": "cid"})
    story.ends(call, None, 204)


def a_ban_without_an_event(story: Story) -> None:
    story.ends(story.begins("ban", "ann", {"participant_id": "cid"}), None, 204)


def a_mute_without_an_event(story: Story) -> None:
    story.mutes("ann", "cid")
    story.log[-1]["participant"].pop("muted_until")


def a_mute_by_a_member(story: Story) -> None:
    story.mutes("dan", "cid")


def a_ban_by_a_member(story: Story) -> None:
    story.bans("dan", "cid")


def a_ban_of_an_owner(story: Story) -> None:
    story.inside["cid"] = "owner"
    story.append("participant_updated", "ann", participant=story.member("cid"))
    story.ends(story.begins("role", "ann", {"participant_id": "cid", "role": "owner"}), story.member("cid"))
    story.bans("ann", "cid")


def a_ban_that_was_not_heard(story: Story) -> None:
    story.listening["dan"] = "dan 0.0"
    story.subscribes("dan")
    story.bans("ann", "dan")
    story.history.heard = [each for each in story.history.heard if each.frame.get("reason") != "banned"]


def lifted_twice(story: Story) -> None:
    story.unbans("ann", "eve")
    story.unbans("ann", "eve")


WRONGS: dict[Callable[[Story], object], str] = {
    (lambda story: says(story, "bob")): "L7",
    (lambda story: story.changes("react", "bob", 2, emoji="👍")): "L7",
    (lambda story: comes(story, "eve")): "L7",
    (lambda story: comes(story, "cid", "inv_0")): "L7",
    (lambda story: is_refused(story, "cid", "send", "MUTED", content="x")): "contract",
    (lambda story: is_refused(story, "ann", "add", "BANNED", participant_id="dan")): "contract",
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
def test_a_wrong_is_seen(wrong: Callable[[Story], object]) -> None:
    story = moderated()
    wrong(story)
    story.becomes_quiet()
    assert WRONGS[wrong] in story.laws_broken()


# ---- erasure -------------------------------------------------------------------------------------------


def erased(spoil: Callable[[list[Json]], object] = lambda _: None) -> Story:
    """Bob is erased; what ann is shown after that may be spoiled."""
    story = moderated()
    story.becomes_quiet()
    story.append("participant_left", "bob", participant=story.member("bob"), reason="left")
    story.append("participant_erased", "bob", participant_id="erased_1")
    log = copy.deepcopy(story.log)
    for event in log:
        if event["sender"]["participant_id"] == "bob":
            event["sender"] = {"participant_id": "erased_1", "name": "Erased", "type": "human"}
            event.pop("content", None)
        for each in (event.get("participant", {}), *event.get("participants", [])):
            if each.get("participant_id") == "bob":
                each.update(participant_id="erased_1", name="Erased")
        if event["sender"]["participant_id"] == "erased_1":
            event.pop("client_message_id", None)
    spoil(log)
    answer = {"events": log, "head": len(log), "has_more": False}
    call = Call("events", "ann", WHERE, HTTP, {"after": 0}, 2, 0.0, OK, answer, 200, 3, 0.1)
    story.history.erasure = Erasure("bob", [call], done=1)
    return story


def test_an_erasure_without_any_wrong_breaks_no_law() -> None:
    assert erased().laws_broken() == set()


def test_an_erasure_that_does_not_end() -> None:
    story = erased()
    assert story.history.erasure is not None
    story.history.erasure.done = None
    assert story.laws_broken() == {"contract"}


ONE, TWO = 1, 7
"""Where bob's message is, and ann's, counted from 0."""


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
def test_a_wrong_of_an_erasure_is_seen(spoil: Callable[[list[Json]], object], law: str) -> None:
    assert law in erased(spoil).laws_broken()
