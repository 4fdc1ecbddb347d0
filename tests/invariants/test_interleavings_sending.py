"""Sending beside sending, repeating, joining and reading: every interleaving of the store calls."""

from typing import Any

import pytest

from tests.invariants.checker import check
from tests.invariants.interleaving import Act, Ends, Store, interleave
from tests.invariants.world import PEOPLE, Process, Shape, Stage, World

BOTH = pytest.mark.parametrize("store", [Store.ATOMIC, Store.HELD])
TWO_DEVICES = Shape(
    people=("alice", "bob"), sockets=("alice", "alice2", "bob"), listening=("alice", "alice2", "bob")
)


def some_of(store: Store, count: int) -> int | None:
    """Everything where transactions are atomic, and so many schedules where they conflict."""
    return None if store is Store.ATOMIC else count


def by_socket(socket: str, text: str, key: str) -> Act:
    return lambda process: process.writes(socket, text, key)


def by_http(name: str, text: str, key: str | None) -> Act:
    return lambda process: process.sends(name, text, key)


def judge_all_said(world: World, ends: Ends, texts: dict[str, str], hears: tuple[str, ...] = PEOPLE) -> None:
    """Who was answered is in the log once, who was refused is not, and everybody heard it."""
    said = [texts[name] for name in ends.successes()]
    assert sorted(check(world, hears=hears).texts) == sorted(said)


@BOTH
@pytest.mark.parametrize("http", [False, True], ids=["sockets", "a socket and HTTP"])
def test_two_people_send(stage: Stage, engine_stage: Stage, store: Store, http: bool) -> None:
    def judge(world: World, ends: Ends) -> None:
        judge_all_said(world, ends, {"alice sends": "A", "bob sends": "B"})

    acts = {
        "alice sends": by_socket("alice", "A", "same-key"),
        "bob sends": by_http("bob", "B", None) if http else by_socket("bob", "B", "same-key"),
    }
    found = interleave(stage, Shape(), acts, judge, store=store, engine_stage=engine_stage)
    assert len(found.schedules) >= 4


@BOTH
def test_one_person_sends_two_messages_from_two_devices(stage: Stage, engine_stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        judge_all_said(world, ends, {"one device": "A", "the other": "B"}, TWO_DEVICES.listening)

    acts = {"one device": by_socket("alice", "A", "a"), "the other": by_socket("alice2", "B", "b")}
    interleave(stage, TWO_DEVICES, acts, judge, store=store, samples=some_of(store, 60), engine_stage=engine_stage)


@BOTH
@pytest.mark.parametrize("http", [False, True], ids=["sockets", "a socket and HTTP"])
def test_one_send_is_repeated_while_it_is_under_way(
    stage: Stage, engine_stage: Stage, store: Store, http: bool
) -> None:
    def judge(world: World, ends: Ends) -> None:
        verdict = check(world, hears=TWO_DEVICES.listening)
        answers: list[dict[str, Any]] = [ends[name] for name in ends.successes()]
        assert len(verdict.texts) == (1 if answers else 0)
        assert {(each["message_id"], each["sequence_id"]) for each in answers} == {
            (event["message_id"], event["sequence_id"]) for event in verdict.story.messages
        }
        firsts = [each for each in answers if each.get("duplicate") is False]
        repeats = [each for each in answers if each.get("duplicate") is True]
        assert len(firsts) <= 1
        if not http and len(answers) == 2:
            assert len(repeats) == 1, "one of the two is the first and one a repeat"

    acts = {
        "sends": by_socket("alice", "first body", "k"),
        "repeats": by_http("alice", "another body", "k") if http else by_socket("alice2", "another body", "k"),
    }
    interleave(stage, TWO_DEVICES, acts, judge, store=store, samples=some_of(store, 60), engine_stage=engine_stage)


def test_three_people_send(stage: Stage, engine_stage: Stage) -> None:
    texts = {"alice sends": "A", "bob sends": "B", "carol sends": "C"}

    def judge(world: World, ends: Ends) -> None:
        judge_all_said(world, ends, texts)

    acts = {name: by_socket(socket, text, "k") for socket, (name, text) in zip(PEOPLE, texts.items(), strict=True)}
    interleave(stage, Shape(), acts, judge, at_most=3000, engine_stage=engine_stage)


@BOTH
def test_somebody_joins_while_somebody_sends(stage: Stage, engine_stage: Stage, store: Store) -> None:
    shape = Shape(strangers=("dave",), is_open=True, sockets=(*PEOPLE, "dave"))

    def joins_and_listens(process: Process) -> Any:
        process.join("dave")
        return process.says("dave", "subscribe")

    def judge(world: World, ends: Ends) -> None:
        joined = ends.succeeded("dave joins and listens")
        verdict = check(world, hears=(*PEOPLE, "dave") if joined else PEOPLE)
        assert verdict.texts == (["A"] if ends.succeeded("alice sends") else [])
        if not joined:
            return
        # At joining the pointer is at the head: what was said before is no news, what comes after is.
        epoch = verdict.story.members[world.person("dave")].epoch
        later = [event for event in verdict.story.messages if event["sequence_id"] > epoch]
        (listed,) = world.process().listing("dave")
        assert listed["unread_count"] == len(later)

    acts: dict[str, Act] = {
        "alice sends": by_socket("alice", "A", "a"),
        "dave joins and listens": joins_and_listens,
    }
    samples = some_of(store, 50)
    interleave(stage, shape, acts, judge, store=store, samples=samples, engine_stage=engine_stage)


@BOTH
def test_somebody_reads_on_one_device_and_sends_on_another(
    stage: Stage, engine_stage: Stage, store: Store
) -> None:
    def arrange(world: World) -> None:
        for text in ("news", "more"):
            world.process().writes("bob", text, text)

    def judge(world: World, ends: Ends) -> None:
        check(world, hears=TWO_DEVICES.listening)
        (listed,) = world.process().listing("alice")
        if ends.succeeded("alice sends"):
            assert (listed["read_up_to"], listed["unread_count"]) == (4, 0)
        if ends.succeeded("alice reads", "UNAVAILABLE"):
            assert listed["read_up_to"] >= ends["alice reads"][0]["read_up_to"] >= 2

    acts: dict[str, Act] = {
        "alice sends": by_socket("alice", "A", "a"),
        "alice reads": lambda process: process.says("alice2", "read", sequence_id=2),
    }
    interleave(stage, TWO_DEVICES, acts, judge, store=store, arrange=arrange, engine_stage=engine_stage)


def test_a_read_pointer_never_goes_back(stage: Stage, engine_stage: Stage) -> None:
    def arrange(world: World) -> None:
        for text in ("news", "more"):
            world.process().writes("bob", text, text)

    def judge(world: World, ends: Ends) -> None:
        check(world, hears=TWO_DEVICES.listening)
        assert ends["reads the first"]["read_up_to"] >= 2
        assert ends["reads the second"] == {"read_up_to": 3, "unread_count": 0}
        (listed,) = world.process().listing("alice")
        assert (listed["read_up_to"], listed["unread_count"]) == (3, 0)

    acts: dict[str, Act] = {
        "reads the first": lambda process: process.read("alice", 2),
        "reads the second": lambda process: process.read("alice", 3),
    }
    interleave(stage, TWO_DEVICES, acts, judge, arrange=arrange, engine_stage=engine_stage)


@BOTH
def test_the_title_is_changed_while_somebody_sends(stage: Stage, engine_stage: Stage, store: Store) -> None:
    def judge(world: World, ends: Ends) -> None:
        verdict = check(world, hears=PEOPLE)
        assert verdict.texts == (["B"] if ends.succeeded("bob sends") else [])
        assert ("conversation_updated" in verdict.types) == ends.succeeded("alice changes the title")

    acts: dict[str, Act] = {
        "bob sends": by_socket("bob", "B", "b"),
        "alice changes the title": lambda process: process.update("alice", title="Another title"),
    }
    interleave(stage, Shape(), acts, judge, store=store, samples=some_of(store, 40), engine_stage=engine_stage)


def test_the_title_is_changed_twice(stage: Stage, engine_stage: Stage) -> None:
    shape = Shape(roles=(("bob", "moderator"),))

    def judge(world: World, ends: Ends) -> None:
        verdict = check(world, hears=PEOPLE)
        assert ends.successes() == ["alice's title", "bob's title"]
        changes = [event["title"] for event in verdict.story.events if event["type"] == "conversation_updated"]
        assert sorted(changes) == ["of alice", "of bob"]
        assert world.process().view("carol")["title"] == changes[-1], "the last change is what stands"

    acts: dict[str, Act] = {
        "alice's title": lambda process: process.update("alice", title="of alice"),
        "bob's title": lambda process: process.update("bob", title="of bob"),
    }
    interleave(stage, shape, acts, judge, samples=40, engine_stage=engine_stage)
