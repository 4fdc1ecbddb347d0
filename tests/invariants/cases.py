"""Every request of a client, each with its precondition and the check of its effect.

The crash tests let the process die at each store call, the fault tests let each store call fail; in both the
client then repeats the same request until it is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from local.tokens import mint
from tests.invariants.checker import Verdict, check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import Act, Arrange
from tests.invariants.process import TOKEN_EXPIRY, Process
from tests.invariants.tables import SECRET
from tests.support.fakes import START_TIME

OTHERS = ("alice", "carol")
CALLS_OF_MANY = frozenset(range(1, 12))
"""Store calls of a creation with 60 participants that are tested with a failure: reads, transactions, calls to
finalize, and some reads."""


EVERYBODY = Setup()


@dataclass(frozen=True)
class Case:
    """One request."""

    name: str
    act: Act
    verify: Callable[[Harness, Verdict], Any]
    """Checks the effect, besides the laws."""
    setup: Setup = EVERYBODY
    arrange: Arrange = lambda harness: None
    accepted_codes: tuple[str, ...] = ()
    """Error codes that a repeat may get because the request has succeeded before."""
    subscribers: tuple[str, ...] = MEMBERS
    """The sockets that receive later messages; the others do not."""
    stale: tuple[str, ...] = ()
    """Sockets that are stale for the request's posts."""
    calls: frozenset[int] | None = None
    """The numbers of the store calls that are tested with a failure, from 1 on; None: all of them."""
    delay: float = 0.0
    """Seconds after the usual time at which the request is made."""

    def __str__(self) -> str:
        return self.name

    def begin(self, harness: Harness) -> Harness:
        """Return the harness in the state in which the request is made."""
        self.arrange(harness)
        return harness


def texts(*expected: str) -> Callable[[Harness, Verdict], None]:
    """Check that these messages are in the log, each once."""

    def done(_harness: Harness, verdict: Verdict) -> None:
        assert verdict.texts == list(expected)

    return done


def events(*expected: str) -> Callable[[Harness, Verdict], None]:
    """Check that events of these types, and no others, follow the creation."""

    def done(_harness: Harness, verdict: Verdict) -> None:
        assert verdict.types[1:] == list(expected)

    return done


def is_deleted(_harness: Harness, verdict: Verdict) -> None:
    assert verdict.state == "deleted"


def is_closed(_harness: Harness, verdict: Verdict) -> None:
    assert verdict.state == "closed"


def nothing(_harness: Harness, _verdict: Verdict) -> None:
    """Check the laws only."""


def is_read(harness: Harness, _verdict: Verdict) -> None:
    (listed,) = harness.process(skew=9.0).list_conversations("bob")
    assert (listed["read_up_to"], listed["unread_count"]) == (2, 0)


def was_created(harness: Harness, _verdict: Verdict) -> None:
    """Check that alice has one or two new complete conversations: a repeat creates another one."""
    listed = harness.process(skew=9.0).list_conversations("alice")
    made = [summary["conversation_id"] for summary in listed if summary["conversation_id"] != harness.conversation]
    assert 1 <= len(made) <= 2
    require_indexed(harness, made)
    for conversation in made:
        # The sockets belong to the first conversation: their pushes are not checked here.
        other = replace(harness, conversation=conversation, posts=[], responses=[])
        other.process(skew=9.0).list_events("alice")  # the next reader finalizes it
        other.responses.clear()
        assert check(other, tidy=False).types == ["conversation_created"]


def require_indexed(harness: Harness, visible: list[str]) -> None:
    """Check that the index by creation has every visible conversation."""
    conversations = harness.process(skew=9.0).app.stores.conversations
    for conversation_id in visible:
        before = conversation_id[:-1]  # a prefix sorts before it
        assert conversation_id in conversations.created_after(before, 5)


def crowd(harness: Harness) -> None:
    harness.make_contended()


def said(name: str, text: str) -> Arrange:
    """Send a message of a member."""

    def say(harness: Harness) -> None:
        harness.process().send_message(name, text, text)

    return say


def said_as(key: str) -> dict[str, Any]:
    """Return the command of a message whose text is its key."""
    return {"type": "message", "client_message_id": key, "content": key}


liked = {"type": "react", "target": 2, "emoji": "👍"}


def was_batched(_harness: Harness, verdict: Verdict) -> None:
    """Check the order, and that each message is there once; a reaction that is there is not added again."""
    assert verdict.types[1:] == ["message", "message", "reaction_added"]
    assert verdict.texts == ["1", "2"]


def bob_has_spoken_in_a_crowd(harness: Harness) -> None:
    harness.process().send_message("bob", "first", "first")
    harness.make_contended()


def everybody_has_spoken_twice(harness: Harness) -> None:
    for number in range(2):
        for name in MEMBERS:
            harness.process().send_message(name, f"{name}{number}", f"{name}{number}")


def bob_was_taken_for_gone(harness: Harness) -> None:
    harness.process(stale=["bob"]).post_message("alice", "before", "before")


def bob_has_unsubscribed(harness: Harness) -> None:
    harness.process().send_frame("bob", "unsubscribe", n=1)


def bob_connects(harness: Harness) -> None:
    harness.late_sockets.add("bob")
    harness.process().connect("bob")


def was_created_once(harness: Harness, verdict: Verdict) -> None:
    """Check that alice has exactly one new conversation, although the request was repeated."""
    was_created(harness, verdict)
    assert len(harness.process(skew=9.0).list_conversations("alice")) == 2


def creates(people: int, key: str | None = None) -> Act:
    others = [f"guest_{number}x" for number in range(people - 1)]
    return lambda process: process.create_conversation("alice", others, key=key)


def says_hello(process: Process) -> Any:
    return process.send_frame("bob", "hello", subscribe=[{"conversation_id": process.harness.conversation}])


def renews(process: Process) -> Any:
    token = mint(
        process.harness.participant_id("bob"),
        "Bob",
        TOKEN_EXPIRY - int(START_TIME),
        secret=SECRET,
        now=START_TIME + 10,
    )
    return process.send_frame("bob", "auth", token=token)


def bob_is_muted(harness: Harness) -> None:
    harness.process().mute("alice", "bob")


def dave_is_banned(harness: Harness) -> None:
    harness.process().ban("alice", "dave")


def alice_has_invited(harness: Harness) -> None:
    harness.invites.append(harness.process().create_invite("alice", max_uses=2))


def is_muted_for_an_hour(_harness: Harness, verdict: Verdict) -> None:
    """A repeat mutes again, with a later end."""
    assert set(verdict.types[1:]) == {"participant_updated"}
    assert len(verdict.types) <= 3


def is_unmuted(harness: Harness, verdict: Verdict) -> None:
    assert verdict.types[1:] == ["participant_updated"] * 2
    assert verdict.log.members[harness.participant_id("bob")].muted_until is None


def was_used_once(harness: Harness, verdict: Verdict) -> None:
    assert verdict.types[1:] == ["participant_joined"]
    (invite,) = harness.process(skew=9.0).list_invites("alice")
    assert invite["uses"] == 1
    assert _acts(harness) == ["invite_created", "invite_used"]


def was_invited(harness: Harness, _verdict: Verdict) -> None:
    """A repeat creates another invite: the secret of the first one was not received."""
    invites = harness.process(skew=9.0).list_invites("alice")
    assert 1 <= len(invites) <= 2
    assert _acts(harness) == ["invite_created"] * len(invites)


def nobody_is_invited(harness: Harness, _verdict: Verdict) -> None:
    assert harness.process(skew=9.0).list_invites("alice") == []
    assert _acts(harness) == ["invite_created", "invite_revoked"]


def _acts(harness: Harness) -> list[str]:
    return [entry["action"] for entry in harness.process(skew=9.0).list_audit("alice")["entries"]]


ALONE = Setup(members=("alice",), sockets=("alice",), subscribed=("alice",))
GUESTS = Setup(
    non_members=tuple(f"guest_{number}x" for number in range(9)), sockets=("alice",), subscribed=("alice",)
)
MANY_GUESTS = replace(GUESTS, non_members=tuple(f"guest_{number}x" for number in range(59)))
OPEN = Setup(non_members=("dave",), is_open=True)
CLOSED = Setup(non_members=("dave",))
BOB_IS_SILENT = Setup(subscribed=OTHERS)
BOB_IS_AWAY = Setup(sockets=OTHERS, subscribed=OTHERS)

WRITES = [
    Case("send", lambda p: p.send_message("bob", "hi", "k"), texts("hi")),
    Case("send by HTTP", lambda p: p.post_message("bob", "hi", "k"), texts("hi")),
    Case("send after a silence", lambda p: p.send_message("bob", "hi", "k"), texts("hi"), delay=100.0),
    Case(
        "send in a burst",
        lambda p: p.send_message("bob", "hi", "k"),
        texts("first", "hi"),
        arrange=said("bob", "first"),
    ),
    Case("send in a crowd", lambda p: p.send_message("bob", "hi", "k"), texts("hi"), arrange=crowd),
    Case(
        "send in a crowd by HTTP, in a burst",
        lambda p: p.post_message("bob", "hi", "k"),
        texts("first", "hi"),
        arrange=bob_has_spoken_in_a_crowd,
    ),
    Case("batch", lambda p: p.send_batch("bob", said_as("1"), said_as("2"), liked), was_batched),
    Case("batch by HTTP", lambda p: p.post_batch("bob", said_as("1"), said_as("2"), liked), was_batched),
    Case(
        "batch in a crowd",
        lambda p: p.send_batch("bob", *map(said_as, "123")),
        texts("1", "2", "3"),
        arrange=crowd,
    ),
    Case(
        "batch in a burst",
        lambda p: p.send_batch("bob", *map(said_as, "123")),
        texts("first", "1", "2", "3"),
        arrange=said("bob", "first"),
    ),
    Case(
        "reply and mention",
        lambda p: p.send_frame(
            "bob",
            "message",
            client_message_id="k",
            content="hi",
            reply_to=2,
            mentions=[p.harness.participant_id("carol")],
        ),
        texts("first", "hi"),
        arrange=said("alice", "first"),
    ),
    Case(
        "send to a socket that is gone",
        lambda p: p.send_message("alice", "hi", "k"),
        texts("hi"),
        stale=("bob",),
        subscribers=OTHERS,
    ),
    Case("create", creates(10), was_created, GUESTS, subscribers=("alice",)),
    Case(
        "create with many",
        creates(60),
        was_created,
        MANY_GUESTS,
        subscribers=("alice",),
        calls=CALLS_OF_MANY,
    ),
    Case("create with a key", creates(10, "k"), was_created_once, GUESTS, subscribers=("alice",)),
    Case(
        "create with many and a key",
        creates(60, "k"),
        was_created_once,
        MANY_GUESTS,
        subscribers=("alice",),
        calls=CALLS_OF_MANY,
    ),
    Case(
        "join",
        lambda p: p.join("dave"),
        events("participant_joined"),
        OPEN,
        accepted_codes=("ALREADY_PARTICIPANT",),
    ),
    Case(
        "add",
        lambda p: p.add_participant("alice", "dave"),
        events("participant_joined"),
        OPEN,
        accepted_codes=("ALREADY_PARTICIPANT",),
    ),
    Case(
        "leave",
        lambda p: p.leave("bob"),
        events("participant_left"),
        accepted_codes=("NOT_FOUND",),
        subscribers=OTHERS,
    ),
    Case(
        "leave as the last owner",
        lambda p: p.leave("alice"),
        events("participant_updated", "participant_left"),
        accepted_codes=("NOT_FOUND",),
        subscribers=("bob", "carol"),
    ),
    Case(
        "leave as the last of all",
        lambda p: p.leave("alice"),
        is_closed,
        ALONE,
        accepted_codes=("NOT_FOUND",),
        subscribers=(),
    ),
    Case(
        "remove",
        lambda p: p.remove_participant("alice", "bob"),
        events("participant_left"),
        accepted_codes=("NOT_FOUND",),
        subscribers=OTHERS,
    ),
    Case("give a role", lambda p: p.set_role("alice", "bob", "owner"), events("participant_updated")),
    Case("mute", lambda p: p.mute("alice", "bob"), is_muted_for_an_hour),
    Case("unmute", lambda p: p.mute("alice", "bob", 0), is_unmuted, arrange=bob_is_muted),
    Case("ban", lambda p: p.ban("alice", "bob"), events("participant_left"), subscribers=OTHERS),
    Case("ban a stranger", lambda p: p.ban("alice", "dave"), events("participant_banned"), OPEN),
    Case(
        "unban",
        lambda p: p.unban("alice", "dave"),
        events("participant_banned", "participant_unbanned"),
        OPEN,
        arrange=dave_is_banned,
        accepted_codes=("NOT_FOUND",),
    ),
    Case(
        "join by an invite",
        lambda p: p.join("dave", p.harness.invites[0]),
        was_used_once,
        CLOSED,
        arrange=alice_has_invited,
        accepted_codes=("ALREADY_PARTICIPANT",),
    ),
    Case("invite", lambda p: p.create_invite("alice"), was_invited),
    Case(
        "revoke",
        lambda p: p.revoke_invite("alice", p.harness.invites[0]),
        nobody_is_invited,
        CLOSED,
        arrange=alice_has_invited,
        accepted_codes=("NOT_FOUND",),
    ),
    Case(
        "change the title",
        lambda p: p.update_conversation("alice", title="Another"),
        events("conversation_updated"),
    ),
    Case(
        "delete",
        lambda p: p.delete_conversation("alice"),
        is_deleted,
        accepted_codes=("NOT_FOUND",),
        subscribers=(),
    ),
    Case("read", lambda p: p.mark_read("bob", 2), is_read, arrange=said("alice", "news")),
    Case(
        "read by socket",
        lambda p: p.send_frame("bob", "read", sequence_id=2),
        is_read,
        arrange=said("alice", "news"),
    ),
    Case("subscribe", lambda p: p.send_frame("bob", "subscribe"), nothing, BOB_IS_SILENT),
    Case(
        "subscribe again",
        lambda p: p.send_frame("bob", "subscribe", n=2),
        nothing,
        arrange=bob_has_unsubscribed,
    ),
    Case("hello as the first frame", says_hello, nothing, BOB_IS_AWAY, arrange=bob_connects),
    Case(
        "hello with a feed",
        lambda p: p.send_frame("bob", "hello", feed=True),
        nothing,
        BOB_IS_AWAY,
        subscribers=OTHERS,
        arrange=bob_connects,
    ),
    Case("unsubscribe", lambda p: p.send_frame("bob", "unsubscribe"), nothing, subscribers=OTHERS),
    Case(
        "ping of a socket taken for gone",
        lambda p: p.send_frame("bob", "ping"),
        nothing,
        arrange=bob_was_taken_for_gone,
    ),
    Case("renew the token", renews, nothing),
    Case("write", lambda p: p.send_frame("bob", "typing", is_typing=True), nothing),
    Case("write no more", lambda p: p.send_frame("bob", "typing", n=1, is_typing=False), nothing),
]
"""Requests that change something."""

READS = [
    Case("audit", lambda p: p.list_audit("alice"), nothing, OPEN, arrange=dave_is_banned),
    Case("bans", lambda p: p.list_bans("alice"), nothing, OPEN, arrange=dave_is_banned),
    Case("invites", lambda p: p.list_invites("alice"), nothing, CLOSED, arrange=alice_has_invited),
    Case("events", lambda p: p.list_events("bob"), nothing, arrange=everybody_has_spoken_twice),
    Case(
        "newest messages", lambda p: p.list_messages("bob", limit=3), nothing, arrange=everybody_has_spoken_twice
    ),
    Case("later messages", lambda p: p.list_messages("bob", after=3), nothing, arrange=everybody_has_spoken_twice),
    Case("one conversation", lambda p: p.get_conversation("bob"), nothing, arrange=everybody_has_spoken_twice),
    Case("the list", lambda p: p.list_conversations("bob"), nothing, arrange=everybody_has_spoken_twice),
    Case("sync", lambda p: p.send_frame("bob", "sync", after=0), nothing, arrange=everybody_has_spoken_twice),
    Case(
        "ping",
        lambda p: p.send_frame("bob", "ping", heads={p.harness.conversation: 0}),
        nothing,
        arrange=everybody_has_spoken_twice,
    ),
]
"""Requests that change nothing."""


def verify_end(case: Case, harness: Harness) -> None:
    """Check after the last repeat: the laws hold, the request took effect, and the conversation can be used."""
    verdict = check(harness, tidy=False)
    case.verify(harness, verdict)
    if verdict.state != "live":
        return
    (someone, *_) = [
        member for member in harness.setup.members if harness.participant_id(member) in verdict.log.members
    ]
    process = harness.process(skew=200.0, stale=case.stale)
    sequence_id = process.post_message(someone, "afterwards", "afterwards")["sequence_id"]
    for socket in harness.sockets:
        received = sequence_id in harness.pushed_event_ids(socket)
        assert received == (socket in case.subscribers), (
            f"{socket} {'heard' if received else 'missed'} what came afterwards"
        )
    posted_to = {
        subscriber.connection_id
        for subscriber in process.app.stores.subscriptions.subscribers(harness.conversation)
    }
    assert not posted_to & {harness.connection_id(each) for each in case.stale}, "L6: a gone connection is removed"
