"""Every request a client can make, each with how it begins and what must be so once it was made for good.

The crash tests let its process die at each store call, the fault tests let each store call fail; in both the
client then repeats the same request, until it is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from local.tokens import mint
from tests.invariants.checker import Verdict, check
from tests.invariants.interleaving import Act, Arrange
from tests.invariants.world import BEGIN, PEOPLE, SECRET, TOKENS_EXPIRE, Process, Shape, World

OTHERS = ("alice", "carol")
STEPS_OF_MANY = 2 * 8
"""Crash points of a creation with 60 people: three transactions, five calls to settle; then it only reads."""


EVERYBODY = Shape()


@dataclass(frozen=True)
class Case:
    """One request."""

    name: str
    act: Act
    done: Callable[[World, Verdict], Any]
    """What must be so in the end, besides the laws."""
    shape: Shape = EVERYBODY
    arrange: Arrange = lambda world: None
    already: tuple[str, ...] = ()
    """Errors by which a repeat learns that it was done before."""
    listens: tuple[str, ...] = PEOPLE
    """The sockets that hear what is said afterwards; the others do not."""
    lost: tuple[str, ...] = ()
    """Sockets that are gone as far as the request can tell."""
    points: int | None = None
    """How many crash points are of interest, if not all."""
    later: float = 0.0
    """Seconds after the usual time at which the request is made."""

    def __str__(self) -> str:
        return self.name

    def begin(self, world: World) -> World:
        """The world as the request finds it."""
        self.arrange(world)
        return world


def texts(*expected: str) -> Callable[[World, Verdict], None]:
    """These messages are in the log, each once."""

    def done(_world: World, verdict: Verdict) -> None:
        assert verdict.texts == list(expected)

    return done


def events(*expected: str) -> Callable[[World, Verdict], None]:
    """Events of these types, and no others, follow the creation."""

    def done(_world: World, verdict: Verdict) -> None:
        assert verdict.types[1:] == list(expected)

    return done


def is_deleted(_world: World, verdict: Verdict) -> None:
    assert verdict.state == "deleted"


def is_closed(_world: World, verdict: Verdict) -> None:
    assert verdict.state == "closed"


def nothing(_world: World, _verdict: Verdict) -> None:
    """The laws are all that can be asked."""


def is_read(world: World, _verdict: Verdict) -> None:
    (listed,) = world.process(skew=9.0).listing("bob")
    assert (listed["read_up_to"], listed["unread_count"]) == (2, 0)


def was_created(world: World, _verdict: Verdict) -> None:
    """Whatever there is of alice's conversations is whole, and there is one more; a repeat makes another."""
    listed = world.process(skew=9.0).listing("alice")
    made = [each["conversation_id"] for each in listed if each["conversation_id"] != world.conversation]
    assert 1 <= len(made) <= 2
    for conversation in made:
        # The sockets belong to the first world: what they were told is of no concern here.
        other = replace(world, conversation=conversation, posts=[], answers=[])
        assert check(other, tidy=False, frozen=False).types == ["conversation_created"]


def crowd(world: World) -> None:
    world.crowd()


def said(name: str, text: str) -> Arrange:
    """Somebody has said something."""

    def say(world: World) -> None:
        world.process().writes(name, text, text)

    return say


def bob_has_spoken_in_a_crowd(world: World) -> None:
    world.process().writes("bob", "first", "first")
    world.crowd()


def everybody_has_spoken_twice(world: World) -> None:
    for number in range(2):
        for name in PEOPLE:
            world.process().writes(name, f"{name}{number}", f"{name}{number}")


def bob_was_taken_for_gone(world: World) -> None:
    world.process(lost=["bob"]).sends("alice", "before", "before")


def bob_connects(world: World) -> None:
    world.late.add("bob")
    world.process().connect("bob")


def creates(people: int) -> Act:
    others = [f"guest_{number}x" for number in range(people - 1)]
    return lambda process: process.create("alice", others)


def says_hello(process: Process) -> Any:
    return process.says("bob", "hello", subscribe=[{"conversation_id": process.world.conversation}])


def renews(process: Process) -> Any:
    token = mint(process.world.person("bob"), "Bob", TOKENS_EXPIRE - int(BEGIN), secret=SECRET, now=BEGIN + 10)
    return process.says("bob", "auth", token=token)


def bob_is_muted(world: World) -> None:
    world.process().mute("alice", "bob")


def dave_is_banned(world: World) -> None:
    world.process().ban("alice", "dave")


def alice_has_invited(world: World) -> None:
    world.invites.append(world.process().invite("alice", max_uses=2))


def is_muted_for_an_hour(_world: World, verdict: Verdict) -> None:
    """A repeat mutes anew, from then on."""
    assert set(verdict.types[1:]) == {"participant_updated"}
    assert len(verdict.types) <= 3


def is_unmuted(world: World, verdict: Verdict) -> None:
    assert verdict.types[1:] == ["participant_updated"] * 2
    assert verdict.story.members[world.person("bob")].muted_until is None


def was_used_once(world: World, verdict: Verdict) -> None:
    assert verdict.types[1:] == ["participant_joined"]
    (invite,) = world.process(skew=9.0).invites("alice")
    assert invite["uses"] == 1
    assert _acts(world) == ["invite_created", "invite_used"]


def was_invited(world: World, _verdict: Verdict) -> None:
    """A repeat makes another one: the secret of the first was never told."""
    invites = world.process(skew=9.0).invites("alice")
    assert 1 <= len(invites) <= 2
    assert _acts(world) == ["invite_created"] * len(invites)


def nobody_is_invited(world: World, _verdict: Verdict) -> None:
    assert world.process(skew=9.0).invites("alice") == []
    assert _acts(world) == ["invite_created", "invite_revoked"]


def _acts(world: World) -> list[str]:
    return [each["action"] for each in world.process(skew=9.0).audit("alice")["entries"]]


ALONE = Shape(people=("alice",), sockets=("alice",), listening=("alice",))
GUESTS = Shape(
    strangers=tuple(f"guest_{number}x" for number in range(9)), sockets=("alice",), listening=("alice",)
)
MANY_GUESTS = replace(GUESTS, strangers=tuple(f"guest_{number}x" for number in range(59)))
OPEN = Shape(strangers=("dave",), is_open=True)
CLOSED = Shape(strangers=("dave",))
BOB_IS_SILENT = Shape(listening=OTHERS)
BOB_IS_AWAY = Shape(sockets=OTHERS, listening=OTHERS)

WRITES = [
    Case("send", lambda p: p.writes("bob", "hi", "k"), texts("hi")),
    Case("send by HTTP", lambda p: p.sends("bob", "hi", "k"), texts("hi")),
    Case("send after a silence", lambda p: p.writes("bob", "hi", "k"), texts("hi"), later=100.0),
    Case(
        "send in a burst", lambda p: p.writes("bob", "hi", "k"), texts("first", "hi"), arrange=said("bob", "first")
    ),
    Case("send in a crowd", lambda p: p.writes("bob", "hi", "k"), texts("hi"), arrange=crowd),
    Case(
        "send in a crowd by HTTP, in a burst",
        lambda p: p.sends("bob", "hi", "k"),
        texts("first", "hi"),
        arrange=bob_has_spoken_in_a_crowd,
    ),
    Case(
        "reply and mention",
        lambda p: p.says(
            "bob",
            "message",
            client_message_id="k",
            content="hi",
            reply_to=2,
            mentions=[p.world.person("carol")],
        ),
        texts("first", "hi"),
        arrange=said("alice", "first"),
    ),
    Case(
        "send to a socket that is gone",
        lambda p: p.writes("alice", "hi", "k"),
        texts("hi"),
        lost=("bob",),
        listens=OTHERS,
    ),
    Case("create", creates(10), was_created, GUESTS, listens=("alice",)),
    Case("create with many", creates(60), was_created, MANY_GUESTS, listens=("alice",), points=STEPS_OF_MANY),
    Case("join", lambda p: p.join("dave"), events("participant_joined"), OPEN, already=("ALREADY_PARTICIPANT",)),
    Case(
        "add",
        lambda p: p.add("alice", "dave"),
        events("participant_joined"),
        OPEN,
        already=("ALREADY_PARTICIPANT",),
    ),
    Case("leave", lambda p: p.leave("bob"), events("participant_left"), already=("NOT_FOUND",), listens=OTHERS),
    Case(
        "leave as the last owner",
        lambda p: p.leave("alice"),
        events("participant_updated", "participant_left"),
        already=("NOT_FOUND",),
        listens=("bob", "carol"),
    ),
    Case(
        "leave as the last of all",
        lambda p: p.leave("alice"),
        is_closed,
        ALONE,
        already=("NOT_FOUND",),
        listens=(),
    ),
    Case(
        "remove",
        lambda p: p.remove("alice", "bob"),
        events("participant_left"),
        already=("NOT_FOUND",),
        listens=OTHERS,
    ),
    Case("give a role", lambda p: p.set_role("alice", "bob", "owner"), events("participant_updated")),
    Case("mute", lambda p: p.mute("alice", "bob"), is_muted_for_an_hour),
    Case("unmute", lambda p: p.mute("alice", "bob", 0), is_unmuted, arrange=bob_is_muted),
    Case("ban", lambda p: p.ban("alice", "bob"), events("participant_left"), listens=OTHERS),
    Case("ban a stranger", lambda p: p.ban("alice", "dave"), events("participant_banned"), OPEN),
    Case(
        "unban",
        lambda p: p.unban("alice", "dave"),
        events("participant_banned", "participant_unbanned"),
        OPEN,
        arrange=dave_is_banned,
        already=("NOT_FOUND",),
    ),
    Case(
        "join by an invite",
        lambda p: p.join("dave", p.world.invites[0]),
        was_used_once,
        CLOSED,
        arrange=alice_has_invited,
        already=("ALREADY_PARTICIPANT",),
    ),
    Case("invite", lambda p: p.invite("alice"), was_invited),
    Case(
        "revoke",
        lambda p: p.revoke("alice", p.world.invites[0]),
        nobody_is_invited,
        CLOSED,
        arrange=alice_has_invited,
        already=("NOT_FOUND",),
    ),
    Case("change the title", lambda p: p.update("alice", title="Another"), events("conversation_updated")),
    Case("delete", lambda p: p.delete("alice"), is_deleted, already=("NOT_FOUND",), listens=()),
    Case("read", lambda p: p.read("bob", 2), is_read, arrange=said("alice", "news")),
    Case("read by socket", lambda p: p.says("bob", "read", sequence_id=2), is_read, arrange=said("alice", "news")),
    Case("subscribe", lambda p: p.says("bob", "subscribe"), nothing, BOB_IS_SILENT),
    Case("hello as the first frame", says_hello, nothing, BOB_IS_AWAY, arrange=bob_connects),
    Case("unsubscribe", lambda p: p.says("bob", "unsubscribe"), nothing, listens=OTHERS),
    Case(
        "ping of a socket taken for gone", lambda p: p.says("bob", "ping"), nothing, arrange=bob_was_taken_for_gone
    ),
    Case("renew the token", renews, nothing),
    Case("write", lambda p: p.says("bob", "typing", is_typing=True), nothing),
]
"""What changes something."""

READS = [
    Case("audit", lambda p: p.audit("alice"), nothing, OPEN, arrange=dave_is_banned),
    Case("bans", lambda p: p.bans("alice"), nothing, OPEN, arrange=dave_is_banned),
    Case("invites", lambda p: p.invites("alice"), nothing, CLOSED, arrange=alice_has_invited),
    Case("events", lambda p: p.events("bob"), nothing, arrange=everybody_has_spoken_twice),
    Case("newest messages", lambda p: p.messages("bob", limit=3), nothing, arrange=everybody_has_spoken_twice),
    Case("later messages", lambda p: p.messages("bob", after=3), nothing, arrange=everybody_has_spoken_twice),
    Case("one conversation", lambda p: p.view("bob"), nothing, arrange=everybody_has_spoken_twice),
    Case("the list", lambda p: p.listing("bob"), nothing, arrange=everybody_has_spoken_twice),
    Case("sync", lambda p: p.says("bob", "sync", after=0), nothing, arrange=everybody_has_spoken_twice),
    Case(
        "ping",
        lambda p: p.says("bob", "ping", heads={p.world.conversation: 0}),
        nothing,
        arrange=everybody_has_spoken_twice,
    ),
]
"""What changes nothing."""


def judge_the_end(case: Case, world: World) -> None:
    """After the last repeat: the laws hold, it was done, and the conversation goes on."""
    verdict = check(world, tidy=False)
    case.done(world, verdict)
    if verdict.state != "live":
        return
    (someone, *_) = [each for each in world.shape.people if world.person(each) in verdict.story.members]
    process = world.process(skew=200.0, lost=case.lost)
    sequence_id = process.sends(someone, "afterwards", "afterwards")["sequence_id"]
    for socket in world.sockets:
        heard = sequence_id in world.events_posted(socket)
        assert heard == (socket in case.listens), f"{socket} {'heard' if heard else 'missed'} what came afterwards"
    posted_to = {each.connection_id for each in process.app.stores.subscriptions.subscribers(world.conversation)}
    assert not posted_to & {world.connection(each) for each in case.lost}, "L6: a gone connection is removed"
