"""Export, erasure and retention, as the person and the others see them: live, and in history."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import People, anybody
from tests.e2e.kinds import MINISTACK, NAMED, Servers
from tests.e2e.stages import stop_and_look_at_the_log
from tests.support import ministack
from tests.support.client import Http, Person, Stage
from tests.support.server import BRISK, DAY

PATIENCE = 30.0


@pytest.fixture(scope="module")
def brisk_stage(chat_kind: str, servers: Servers, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A chat where nothing takes days. Skips the test where the environment names a stage: there it does."""
    if chat_kind == NAMED:
        pytest.skip("days would have to pass, and the environment names a stage")
    if chat_kind == MINISTACK:
        deployed: ministack.Running = request.getfixturevalue("deployed")
        yield deployed.stage
        return
    # With a queue of its own: what it sends is not to be done by somebody for whom it does take days.
    started = servers.apart(chat_kind, "brisk", BRISK)
    yield started.stage
    stop_and_look_at_the_log(started)


@pytest.fixture
def brisk_people(brisk_stage: Stage) -> Iterator[People]:
    """People there."""
    http = Http(brisk_stage.http_url)
    with anybody(brisk_stage, http) as make:
        yield make
    http.close()


def until(holds: Callable[[], Any]) -> Any:
    """What it gives as soon as it is anything."""
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return found


def erased(person: Person) -> Any:
    """Ask for it, and wait until it is done."""
    asked = person.delete("/me").expect(202)
    assert asked["status"] in ("running", "done")
    return until(lambda: (view := person.get("/me/erasure").expect(200))["status"] == "done" and view)


def exported(person: Person) -> list[Any]:
    """All pages of it."""
    pages = [person.get("/me/export").expect(200)]
    while "next_cursor" in pages[-1]:
        pages.append(person.get("/me/export", cursor=pages[-1]["next_cursor"]).expect(200))
    return pages


def test_everything_of_ones_own_can_be_taken_out(people: People) -> None:
    alice, bob = people("alice", "bob")
    here = bob.creates("Here", [alice])
    there = alice.creates("There", [bob])
    for number in range(3):
        bob.posts(here, f"here {number}")
        alice.posts(here, "of alice")
    bob.posts(there, "there")
    bob.leaves(there)
    pages = exported(bob)
    assert {page["participant"]["participant_id"] for page in pages} == {bob.id}
    told = {each["conversation_id"]: each for page in pages for each in page["conversations"]}
    assert told[here]["title"] == "Here"
    assert told[there] == {"conversation_id": there, "is_participant": False}
    texts = sorted(each["content"] for page in pages for each in page["messages"])
    assert texts == ["here 0", "here 1", "here 2", "there"]


def test_a_cursor_that_is_none_is_refused(people: People) -> None:
    (alice,) = people("alice")
    alice.get("/me/export", cursor="x").expect(400, "VALIDATION_FAILED")


def test_who_never_asked_has_no_erasure(people: People) -> None:
    (alice,) = people("alice")
    alice.get("/me/erasure").expect(404, "NOT_FOUND")


def test_the_others_see_somebody_go_for_good_in_every_conversation(brisk_people: People) -> None:
    alice, bob, carol = brisk_people("alice", "bob", "carol")
    chats = [alice.creates(f"Chat {number}", [bob, carol]) for number in range(3)]
    for chat in chats:
        bob.posts(chat, "my words", client_message_id="1")
        alice.posts(chat, "hello", mentions=[bob.id])
    alice.connects(*chats)
    socket = bob.connects(*chats)
    done = erased(bob)
    assert (done["conversations_done"], done["conversations_total"]) == (3, 3)
    last_words = socket.hears(type="disconnect")
    assert (last_words["code"], last_words["reconnect"]) == ("ERASED", False)
    aliases = set()
    for chat in chats:
        left = alice.hears_event("participant_left", conversation_id=chat)
        assert left["reason"] == "left"
        gone = alice.hears_event("participant_erased", conversation_id=chat)
        assert gone["sender"]["participant_id"] == bob.id
        aliases.add(gone["participant_id"])
        everything = str([carol.log(chat), carol.history(chat), carol.sees(chat)])
        assert bob.id not in everything
        assert "Bob" not in everything
        assert "my words" not in everything
        first, second = carol.history(chat)
        assert first["sender"] == {"participant_id": gone["participant_id"], "name": "Erased", "type": "human"}
        assert {"deleted_at", "message_id"} <= {*first}
        assert second["mentions"] == [gone["participant_id"]]
    assert len(aliases) == 3, "nobody can tell that it is the same person"
    assert bob.lists() == []


def test_who_was_erased_can_begin_anew_and_be_erased_again(brisk_people: People) -> None:
    alice, bob = brisk_people("alice", "bob")
    chat = alice.creates("Chat", [bob])
    first = erased(bob)
    alice.adds(chat, bob)
    bob.posts(chat, "a new life")
    second = erased(bob)
    assert second["requested_at"] > first["requested_at"]
    everything = str([alice.log(chat), alice.sees(chat)])
    assert "a new life" not in everything
    assert bob.id not in everything


def test_an_owner_lets_contents_go_after_some_days(brisk_people: People) -> None:
    alice, bob = brisk_people("alice", "bob")
    chat = alice.creates("Chat", [bob])
    bob.connects(chat)
    sent = alice.posts(chat, "old words")
    time.sleep(31 * DAY)
    assert alice.changes(chat, retention_days=30)["retention_days"] == 30
    told = bob.hears_event("content_expired", conversation_id=chat)
    assert told["up_to"] >= sent["sequence_id"]

    def emptied() -> Any:
        (message,) = bob.history(chat)
        return message if "content" not in message else None

    message = until(emptied)
    assert message["expired"] is True
    assert message["message_id"] == sent["message_id"]
    assert "old words" not in str(bob.log(chat))
    bob.patch(f"/conversations/{chat}/messages/{sent['sequence_id']}", {"content": "x"}).expect(403, "FORBIDDEN")
    alice.patch(f"/conversations/{chat}/messages/{sent['sequence_id']}", {"content": "x"}).expect(
        400, "VALIDATION_FAILED"
    )
    assert "retention_days" not in alice.changes(chat, retention_days=None)


@pytest.mark.parametrize("days", [0, 29, 366, "30", 30.5, True])
def test_only_days_that_can_be_are_taken(people: People, days: Any) -> None:
    (alice,) = people("alice")
    chat = alice.creates("Chat")
    alice.patch(f"/conversations/{chat}", {"retention_days": days}).expect(400, "VALIDATION_FAILED")
