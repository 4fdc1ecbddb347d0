"""A crash at any store call of any request, and a client that repeats its request."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.core.kernel.errors import ChatError
from chalicelib.identity.model import Identity
from local.faults.client import DynamoClient
from tests.invariants.cases import CALLS_OF_MANY, WRITES, Case, require_indexed, verify_end
from tests.invariants.checker import check
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import error_of
from tests.invariants.process import TOKEN_EXPIRY, Process
from tests.invariants.tables import Tables
from tests.invariants.update_cases import UPDATES
from tests.support.stepper import CrashPoint, crash_points

ON_THE_ENGINE = [case for case in WRITES if case.name in ("send", "leave")]


def crash_everywhere(tables: Tables, case: Case) -> int:
    """Crash at each point, repeat, check; return the number of points."""

    def begin() -> Harness:
        return case.begin(tables.harness(case.setup))

    def act(harness: Harness, client: DynamoClient) -> None:
        case.act(harness.process(client, skew=case.delay, stale=case.stale))

    points = 0
    for point in crash_points(tables.engine, begin, act, case.calls):
        with point as harness:
            repeat(case, harness)
            verify_end(case, harness)
        points += 1
    print(f"{case}: {points} crash points")  # noqa: T201 — shown with -rP: how much was proved
    return points


def repeat(case: Case, harness: Harness) -> None:
    """Repeat a request like a client: once, and again after a retryable error."""
    for attempt in range(1, 4):
        try:
            code = error_of(case.act(harness.process(skew=case.delay + attempt, stale=case.stale)))
        except ChatError as error:
            code = error.code
        if code != "CONVERSATION_BUSY":
            assert code is None or code in case.accepted_codes, f"the repeat ended in {code}"
            return
    raise AssertionError("it is busy for ever")


@pytest.mark.parametrize("case", [*WRITES, *UPDATES], ids=str)
def test_repeat_after_a_crash_takes_effect_once(tables: Tables, case: Case) -> None:
    assert crash_everywhere(tables, case) >= 4


@pytest.mark.parametrize("case", ON_THE_ENGINE, ids=str)
def test_repeat_after_a_crash_takes_effect_once_on_the_engine(engine_tables: Tables, case: Case) -> None:
    assert crash_everywhere(engine_tables, case) >= 4


@pytest.mark.parametrize("http", [False, True], ids=["by socket", "by HTTP"])
def test_repeat_pushes_a_message_that_was_committed_but_not_pushed(tables: Tables, http: bool) -> None:
    def send(process: Process) -> object:
        return process.post_message("alice", "hi", "k") if http else process.send_message("alice", "hi", "k")

    for point in crash_points(
        tables.engine, tables.harness, lambda harness, client: send(harness.process(client))
    ):
        with point as harness:
            send(harness.process(skew=1.0))
            assert check(harness, subscribers=MEMBERS).texts == ["hi"]


@pytest.mark.parametrize("case", [case for case in UPDATES if not case.name.startswith("take")], ids=str)
def test_repeat_pushes_an_update_that_was_committed_but_not_pushed(tables: Tables, case: Case) -> None:
    def begin() -> Harness:
        return case.begin(tables.harness())

    for point in crash_points(tables.engine, begin, lambda harness, client: case.act(harness.process(client))):
        with point as harness:
            case.act(harness.process(skew=1.0))
            check(harness, subscribers=MEMBERS, tidy=False)


# ---- requests that are not repeated --------------------------------------------------------------------


def test_crashed_disconnect_is_cleaned_up_by_the_next_message(tables: Tables) -> None:
    """API Gateway invokes `$disconnect` at most once; after that only a 410 reveals the stale connection."""

    def act(harness: Harness, client: DynamoClient) -> None:
        harness.process(client).disconnect("bob")

    for point in crash_points(tables.engine, tables.harness, act):
        with point as harness:
            process = harness.process(skew=1.0, stale=["bob"])
            process.post_message("alice", "found out", "1")
            check(harness, subscribers=["alice", "carol"], tidy=False)
            listening = process.app.stores.subscriptions.subscribers(harness.conversation)
            connections = {subscription.connection_id for subscription in listening}
            assert harness.connection_id("bob") not in connections, "L6: a gone connection is removed"


def test_crashed_connect_leaves_no_subscription(tables: Tables) -> None:
    def begin() -> Harness:
        harness = tables.harness(Setup(sockets=("alice",), subscribed=("alice",)))
        harness.late_sockets.add("bob")
        return harness

    for point in crash_points(
        tables.engine, begin, lambda harness, client: harness.process(client).connect("bob")
    ):
        with point as harness:
            harness.process(skew=1.0).post_message("alice", "hi", "1")
            assert check(harness, subscribers=["alice"], tidy=False).texts == ["hi"]
            assert not harness.pushed_frames("bob")


def test_ticket_is_redeemed_at_most_once_despite_a_crash(tables: Tables) -> None:
    def begin() -> tuple[Harness, str]:
        harness = tables.harness()
        given = harness.process().app.realtime.tickets.issue(
            Identity(harness.participant_id("bob"), "Bob", TOKEN_EXPIRY)
        )
        return harness, str(given["ticket"])

    def redeem(begun: tuple[Harness, str], client: DynamoClient) -> None:
        harness, ticket = begun
        harness.process(client).app.realtime.tickets.redeem(ticket)

    redeemed = []
    for point in crash_points(tables.engine, begin, redeem):
        with point as (harness, ticket):
            tickets = harness.process(skew=1.0).app.realtime.tickets
            try:
                identity = tickets.redeem(ticket)
            except ChatError as error:
                assert error.code == "UNAUTHORIZED"
                redeemed.append(False)
                continue
            assert identity == Identity(harness.participant_id("bob"), "Bob", TOKEN_EXPIRY)
            redeemed.append(True)
            with pytest.raises(ChatError):
                tickets.redeem(ticket)
    assert redeemed == [True, False], "before the effect it is still good, after it it is used up"


# ---- purging -------------------------------------------------------------------------------------------

CROWD = Setup(
    members=("alice", *(f"guest_{number}x" for number in range(15))), sockets=("alice",), subscribed=("alice",)
)


def said_much(harness: Harness) -> None:
    """Send enough for several batches of deletes, with events of one and of two items."""
    harness.process().update_conversation("alice", title="Another")
    for number in range(15):
        harness.process(skew=number).post_message("alice", f"message {number}", f"k{number}")
    harness.process(skew=20.0).leave("guest_3x")
    harness.process(skew=21.0).ban("alice", "guest_4x")
    harness.process(skew=22.0).ban("alice", "a stranger")
    harness.process(skew=23.0).unban("alice", "a stranger")
    harness.process(skew=24.0).create_invite("alice")


def test_crashed_sweep_is_completed_by_the_next_one(tables: Tables) -> None:
    first = tables.harness(CROWD)
    others = everything_but(tables, first)

    def begin() -> Harness:
        harness = tables.harness(CROWD)
        said_much(harness)
        harness.process(skew=30.0).delete_conversation("alice")
        return harness

    def sweep(harness: Harness, client: DynamoClient) -> None:
        harness.process(client, skew=40.0).app.conversations.lifecycle.purge_due(60.0)

    points = 0
    for point in crash_points(tables.engine, begin, sweep):
        with point as harness:
            process = harness.process(skew=50.0)
            process.app.conversations.lifecycle.purge_due(60.0)
            left = everything_but(tables, first) - others
            assert not left, "what belonged to it was left where nobody will find it"
        points += 1
    print(f"sweep: {points} crash points")  # noqa: T201 — shown with -rP: how much was proved
    assert points >= 8


def everything_but(tables: Tables, harness: Harness) -> set[str]:
    """Return the keys of all other conversations' items."""
    # A retention check of a purged conversation is dropped when it is due (test_retention.py). A standing belongs
    # to its participant.
    keys = [key for key in tables.stored_keys() if not key.startswith("RETENTION ") and "STANDING" not in key]
    return {key for key in keys if harness.conversation not in key}


def test_closed_conversation_is_purged_after_thirty_days(tables: Tables) -> None:
    shape = Setup(members=("alice",), sockets=(), subscribed=())
    first = tables.harness(shape)
    others = everything_but(tables, first)
    harness = tables.harness(shape)
    harness.process().leave("alice")
    month = tables.settings.timing.closed_retention
    harness.process(skew=month - 60.0).app.conversations.lifecycle.purge_due(60.0)
    assert check(harness).state == "closed"
    harness.process(skew=month + 60.0).app.conversations.lifecycle.purge_due(60.0)
    assert check(harness).state is None
    assert everything_but(tables, first) == others


# ---- creation in several steps -------------------------------------------------------------------------

DAY = 24 * 3600.0
GUESTS = tuple(f"guest_{number}x" for number in range(59))
SOME = ("alice", GUESTS[0], GUESTS[-1])
NOBODY_YET = Setup(members=("alice",), non_members=GUESTS, sockets=(), subscribed=())


def creations_that_die(tables: Tables) -> Iterator[CrashPoint[Harness]]:
    """Crash at each step, but not at the many reads of blocks and of the fan-out."""
    return crash_points(tables.engine, lambda: tables.harness(NOBODY_YET), create_many, CALLS_OF_MANY)


def create_many(harness: Harness, client: DynamoClient) -> None:
    harness.process(client).create_conversation("alice", GUESTS)


def made(process: Process) -> str | None:
    """Return the created conversation, after checking that it is in the lists of all its participants."""
    found = set()
    for name in SOME:
        listed = {conversation["conversation_id"] for conversation in process.list_conversations(name)} - {
            process.harness.conversation
        }
        found.add(listed.pop() if listed else None)
    assert len(found) == 1, "some of its people see it and some do not"
    return found.pop()


def test_crashed_creation_is_invisible_or_complete_and_expires_completely(tables: Tables) -> None:
    seen = []
    for point in creations_that_die(tables):
        with point as harness:
            seen.append(made(harness.process(skew=1.0)) is not None)
            lasting = {made(harness.process(skew=DAY + 60.0)), harness.conversation}
            # A conversation that had become permanent is purged a day later.
            swept = harness.process(skew=2 * DAY + 60.0)
            swept.app.conversations.lifecycle.purge_due(60.0)
            for name in SOME:
                places = swept.app.stores.memberships.memberships_of(harness.participant_id(name))
                assert {place.conversation_id for place in places} <= lasting, "a part of it would stay for ever"
    assert seen == sorted(seen), "it becomes visible once"
    assert {*seen} == {False, True}
    print(f"create with many, looked at a day later: {len(seen)} crash points")  # noqa: T201 — shown with -rP


def test_visible_crashed_creation_is_kept_once_it_is_used(tables: Tables) -> None:
    used = 0
    for point in creations_that_die(tables):
        with point as harness:
            conversation = made(harness.process(skew=1.0))
            if conversation is None:
                continue
            used += 1
            other = replace(harness, conversation=conversation, posts=[], responses=[])
            require_indexed(harness, [conversation])
            other.process(skew=2.0).post_message(GUESTS[7], "hello", "k")
            other.process(skew=DAY + 60.0).post_message(GUESTS[-1], "still here", "k")
            assert check(other, tidy=False).texts == ["hello", "still here"]
            assert len(other.process(skew=DAY + 60.0).get_conversation("alice")["participants"]) == 60
    assert used >= 3
