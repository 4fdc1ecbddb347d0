"""The units that each command and route reads of hostile data, counted by the store: `specs/read_limits.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jwt

from chalicelib.aws.dynamodb.log_items import event_from_item
from chalicelib.aws.dynamodb.values import unmarshal_item
from chalicelib.core.conversations.prices import PER_NAMED, PER_STORED, PRICES, stored_price
from chalicelib.core.kernel.limits import MAX_BATCH_COMMANDS
from chalicelib.core.protocol import queries, requests
from chalicelib.identity.model import Identity
from local.dynamodb.sizes import item_size
from specs.read_limits import READS, Facts, most_units
from tests.invariants.endpoint_acts import ENDPOINT_ACTS, fill_with_endpoints
from tests.invariants.harness import Harness, Setup
from tests.invariants.process import TOKEN_EXPIRY, Process
from tests.invariants.service_acts import DELETION_BY_SERVICE, LIKE, LIKED, SERVICE_ACTS
from tests.invariants.tables import SECRET, Tables
from tests.invariants.test_costs import CapacityMeter
from tests.support.items import read_partition
from tools.costs.model import read_prices

LONG = "語" * 8_000
"""A text of 24,000 bytes, the most that is allowed."""
EMOJI = [chr(0x1F600 + number) for number in range(20)]
PEOPLE = ("alice", *(f"guest_{number:02}x" for number in range(47)))
OTHERS = 30
"""Other conversations of alice."""
PENDING = 40
"""People who must accept to join the room, and conversations that alice must accept to join."""
EDITED, PLAIN = 3, 4


@dataclass
class Room:
    """A conversation with long messages, many members with connections, edits, reactions, bans and invites."""

    harness: Harness
    others: list[str]
    invite: str
    report: str
    endpoint: str
    serial: int = 100

    def key(self) -> str:
        """Return a new idempotency key."""
        self.serial += 1
        return f"key-{self.serial}"

    def facts(self) -> Facts:
        """Return the sizes of the stored data."""
        edited = [item for item in self._stored("E#") if EDITED in (_target(item), _id(item))]
        roster, subscriptions = self._stored("P#"), self._stored("S#")
        return Facts(
            participants=len(roster),
            roster=sum(map(item_size, roster)),
            subscribers=sum(map(item_size, subscriptions)),
            connections=len(subscriptions),
            edits=sum(map(item_size, [*edited, *self._stored("R#")])),
            former=PENDING,
            conversations=1 + len(self.others),
            listed=100,
        )

    def _stored(self, prefix: str) -> list[Any]:
        tables, pk = self.harness.tables, f"C#{self.harness.conversation}"
        names = (tables.conversations_table, tables.connections_table)
        items = [item for name in names for item in read_partition(tables.engine, name, pk).values()]
        return [item for item in items if item["sk"]["S"].startswith(prefix)]


def _target(item: Any) -> Any:
    return event_from_item(unmarshal_item(item)).event.get("target")


def _id(item: Any) -> int:
    return int(item["sk"]["S"].removeprefix("E#"))


def hostile_room(tables: Tables) -> Room:
    """Return a room in which everything is as long and as many as the limits allow, or nearly so."""
    setup = Setup(members=PEOPLE, sockets=PEOPLE, subscribed=PEOPLE)
    limits = dict.fromkeys(("change_burst", "creation_burst", "addition_burst"), 1_000)
    tables = tables.with_events().with_limits(message_burst=100_000, activity_participants=100, **limits)
    harness = tables.harness(setup)
    process = harness.process()
    process.update_conversation("alice", metadata={"x": "y" * 4_000}, join_policy="open")
    for number in range(60):
        process.post_message("alice", LONG, f"long-{number}")
    for number in range(50):
        process.edit_message("alice", EDITED, f"{number:03}{LONG[3:]}")
    for emoji in EMOJI:
        for name in PEOPLE[:3]:
            process.add_reaction(name, EDITED, emoji)
    process.add_reaction(PEOPLE[1], LIKED, LIKE)
    for number in range(60):
        process.ban("alice", f"banned_{number:02}x")
        process.create_invite("alice")
    process.post_message("alice", "last", "last")
    report = report_everything(process)
    others = [process.create_conversation("alice")["conversation_id"] for _ in range(OTHERS)]
    invite_strangers(process)
    return Room(harness, others, process.create_invite("alice"), report, fill_with_endpoints(process))


def report_everything(process: Process) -> str:
    """Let all members report a message of alice, and one of a guest; return the id of a report."""
    by_guest = process.post_message(PEOPLE[1], "spam", "spam")["sequence_id"]
    conversation_id, reports = process.harness.conversation, process.app.conversations.reports
    for name in PEOPLE[2:]:
        for target in (PLAIN, by_guest):
            reports.report(process.principal(name), conversation_id, target, LONG[:1_000])
    listed = reports.list(process.principal("alice"), conversation_id, queries.ReportsQuery())
    return str(listed["reports"][0]["report_id"])


def invite_strangers(process: Process) -> None:
    """Add people who must accept: strangers who have blocked alice, and alice to conversations that she left."""
    for number in range(PENDING):
        process.block(f"stranger_{number:02}x", "alice")
        process.add_participant("alice", f"stranger_{number:02}x")
    conversations = process.app.conversations
    alice, guest = process.principal("alice"), process.principal(PEOPLE[5])
    again = requests.NewParticipant(participant_id=alice.participant_id, name="Alice")
    for _ in range(PENDING):
        left = process.create_conversation(PEOPLE[5], ["alice"])["conversation_id"]
        conversations.members.leave(alice, left)
        conversations.additions.add(guest, left, again)


Act = Callable[[Process, Room], Any]


def frame(command: str, **fields: Any) -> Act:
    """Return the act of sending a frame from alice's connection."""
    return lambda process, room: process.send_frame("alice", command, **fields)


def sends(process: Process, room: Room) -> Any:
    return process.send_message("alice", LONG, room.key())


def sends_batch(process: Process, room: Room) -> Any:
    return process.send_batch("alice", {"type": "message", "client_message_id": room.key(), "content": "hi"})


def posts_batch(process: Process, room: Room) -> Any:
    return process.post_batch("alice", {"type": "message", "client_message_id": room.key(), "content": "hi"})


def reads_in_a_batch(process: Process, room: Room) -> Any:
    reads = ({"type": "read", "sequence_id": 2 + number} for number in range(MAX_BATCH_COMMANDS))
    return process.post_batch(PEOPLE[7], *reads)


def hello(process: Process, room: Room) -> Any:
    wanted = [room.harness.conversation, *room.others]
    return process.send_frame("alice", "hello", subscribe=[{"conversation_id": each} for each in wanted])


def ping(process: Process, room: Room) -> Any:
    return process.send_frame("alice", "ping", heads=dict.fromkeys([room.harness.conversation, *room.others], 1))


def auth(process: Process, room: Room) -> Any:
    claims = {"sub": room.harness.participant_id("alice"), "exp": TOKEN_EXPIRY + 60}
    return process.send_frame("alice", "auth", token=jwt.encode(claims, SECRET, "HS256"))


def lists(order: str) -> Act:
    query = queries.ConversationsQuery.model_validate({"limit": "100", "order": order})
    return lambda process, room: process.app.conversations.views.list(process.principal("alice"), query)


def lists_own_pending(process: Process, room: Room) -> Any:
    query = queries.ConversationsQuery.model_validate({"limit": "100", "membership": "pending"})
    return process.app.conversations.pending.list(process.principal("alice"), query)


def lists_pending(process: Process, room: Room) -> Any:
    query = queries.PageQuery.model_validate({"limit": "100"})
    return process.app.conversations.pending.list_in(process.principal("alice"), room.harness.conversation, query)


def lists_blocks(process: Process, room: Room) -> Any:
    return process.app.conversations.blocks.list(process.principal("alice"), queries.PageQuery())


def lists_bans(process: Process, room: Room) -> Any:
    query = queries.PageQuery.model_validate({"limit": "100"})
    return process.app.conversations.moderation.bans(process.principal("alice"), room.harness.conversation, query)


def lists_invites(process: Process, room: Room) -> Any:
    query = queries.PageQuery.model_validate({"limit": "100"})
    return process.app.conversations.invites.list(process.principal("alice"), room.harness.conversation, query)


def lists_reactions(process: Process, room: Room) -> Any:
    query = queries.ReactionsQuery.model_validate({"limit": "100"})
    history = process.app.conversations.history
    return history.reactions(process.principal("alice"), room.harness.conversation, EDITED, query)


def reports_message(process: Process, room: Room) -> Any:
    reports, guest = process.app.conversations.reports, process.principal(PEOPLE[6])
    return reports.report(guest, room.harness.conversation, EDITED, LONG[:1_000]).response


def lists_reports(process: Process, room: Room) -> Any:
    query = queries.ReportsQuery.model_validate({"limit": "100"})
    return process.app.conversations.reports.list(process.principal("alice"), room.harness.conversation, query)


def closes_report(process: Process, room: Room) -> Any:
    reports, alice = process.app.conversations.reports, process.principal("alice")
    return reports.close(alice, room.harness.conversation, room.report, "resolved")


def exports(process: Process, room: Room) -> Any:
    return process.app.privacy.export.page(process.principal("alice"), queries.ExportQuery())


def tickets(process: Process, room: Room) -> Any:
    identity = Identity(room.harness.participant_id("alice"), "Alice", TOKEN_EXPIRY)
    return process.app.realtime.tickets.issue(identity)


def sets_profile(process: Process, room: Room) -> Any:
    profile = requests.SetProfile(
        name="Al", avatar_url="https://example.com/" + "a" * 400, metadata={"x": "y" * 4_000}
    )
    return process.app.conversations.profiles.set(process.principal("alice"), profile).response


def reads_caller(process: Process, room: Room) -> Any:
    """`GET /me` answers from the token and the profile, and reads whether the token was revoked."""
    process.app.conversations.profiles.get(process.principal("alice"))
    return process.app.stores.revocations.rules(room.harness.participant_id("alice"))


def revokes_invite(process: Process, room: Room) -> Any:
    return process.revoke_invite("alice", room.invite)


_C, _M = "/conversations/{conversation_id}", "/conversations/{conversation_id}/messages/{sequence_id}"
ACTS: list[tuple[str, int, Act]] = [
    ("sync", 1, frame("sync", after=0)),
    ("sync", 1, frame("sync", after=60)),
    ("subscribe", 1, frame("subscribe")),
    ("subscribe", 1, frame("subscribe", after=1)),
    ("hello", 1 + OTHERS, hello),
    ("unsubscribe", 1, frame("unsubscribe")),
    ("read", 1, frame("read", sequence_id=5)),
    ("typing", 1, frame("typing", is_typing=True)),
    ("typing", 1, frame("typing", is_typing=False)),
    ("auth", 0, auth),
    ("ping", 1 + OTHERS, ping),
    ("message", 1, sends),
    ("edit", 1, frame("edit", target=PLAIN, content=LONG)),
    ("react", 1, frame("react", target=EDITED, emoji=EMOJI[0])),
    ("unreact", 1, frame("unreact", target=EDITED, emoji=EMOJI[0])),
    ("batch", 1, sends_batch),
    ("GET /conversations", 0, lists("activity")),
    ("GET /conversations", 0, lists("created")),
    ("GET /conversations", 0, lists_own_pending),
    (f"GET {_C}/pending", 1, lists_pending),
    (f"DELETE {_C}/pending", 2, lambda process, room: process.withdraw("alice", "stranger_07x")),
    ("GET /me/blocks", 0, lists_blocks),
    ("PUT /me/blocks", 1, lambda process, room: process.block("alice", PEOPLE[6])),
    ("PUT /me/blocks", 1, lambda process, room: process.block("alice", PEOPLE[5])),
    ("DELETE /me/blocks", 1, lambda process, room: process.unblock("alice", PEOPLE[6])),
    ("PUT /direct", 1, lambda process, room: process.open_direct("alice", PEOPLE[8])),
    ("PUT /direct", 1, lambda process, room: process.open_direct("alice", PEOPLE[8])),
    ("PUT /direct", 1, lambda process, room: process.open_direct(PEOPLE[8], "alice")),
    ("PUT /me/blocks", 1, lambda process, room: process.block("alice", PEOPLE[8])),
    (f"GET {_C}", 1, lambda process, room: process.get_conversation("alice")),
    (f"PATCH {_C}", 1, lambda process, room: process.update_conversation("alice", title=room.key())),
    (f"GET {_C}/bans", 1, lists_bans),
    (f"DELETE {_C}/bans", 2, lambda process, room: process.unban("alice", "banned_01x")),
    (f"POST {_C}/invites", 1, lambda process, room: process.create_invite("alice")),
    (f"GET {_C}/invites", 1, lists_invites),
    (f"DELETE {_C}/invites/{{invite}}", 2, revokes_invite),
    (f"GET {_C}/audit", 1, lambda process, room: process.list_audit("alice", limit="100")),
    (f"POST {_M}/report", 2, reports_message),
    (f"GET {_C}/reports", 1, lists_reports),
    (f"PATCH {_C}/reports/{{report}}", 2, closes_report),
    (f"GET {_C}/messages", 1, lambda process, room: process.list_messages("alice", limit=100)),
    (f"GET {_C}/messages", 1, lambda process, room: process.list_messages("alice", after=1, limit=100)),
    (f"GET {_C}/messages", 1, lambda process, room: process.list_messages("alice", limit=1)),
    (f"GET {_C}/events", 1, lambda process, room: process.list_events("alice")),
    (f"POST {_C}/messages", 1, lambda process, room: process.post_message("alice", LONG, room.key())),
    ("POST /batch", 1, posts_batch),
    ("POST /batch", MAX_BATCH_COMMANDS, reads_in_a_batch),
    (f"PATCH {_M}", 2, lambda process, room: process.edit_message("alice", PLAIN, "short")),
    (f"GET {_M}/reactions", 2, lists_reactions),
    (f"PUT {_M}/reactions", 2, lambda process, room: process.add_reaction("alice", EDITED, EMOJI[0])),
    (f"DELETE {_M}/reactions", 2, lambda process, room: process.remove_reaction("alice", EDITED, EMOJI[0])),
    (f"PUT {_C}/read", 1, lambda process, room: process.mark_read("alice", 9)),
    ("hello", 0, frame("hello", feed=True)),
    (f"PATCH {_C}/me", 1, lambda process, room: process.set_personal_state("alice", notifications_muted=True)),
    ("connect", 0, lambda process, room: process.connect("alice2")),
    ("PUT /me/profile", 0, sets_profile),
    ("GET /me", 0, reads_caller),
    ("GET /me/export", 0, exports),
    ("POST /tickets", 0, tickets),
    (f"DELETE {_M}", 2, lambda process, room: process.delete_message("alice", EDITED)),
    ("delete", 1, frame("delete", target=PLAIN)),
    ("POST /conversations", len(PEOPLE), lambda process, room: process.create_conversation("alice", PEOPLE[1:])),
    (f"PATCH {_C}/participants", 2, lambda process, room: process.set_role("alice", PEOPLE[1], "moderator")),
    (f"DELETE {_C}/participants", 2, lambda process, room: process.remove_participant("alice", PEOPLE[2])),
    (f"POST {_C}/participants", 2, lambda process, room: process.add_participant("alice", PEOPLE[2])),
    (f"POST {_C}/leave", 1, lambda process, room: process.leave(PEOPLE[3])),
    (f"POST {_C}/join", 1, lambda process, room: process.join(PEOPLE[3])),
    ("DELETE /me", 0, lambda process, room: process.app.privacy.jobs.erase(process.principal(PEOPLE[4]))),
    ("GET /me/erasure", 0, lambda process, room: process.app.privacy.erasure.status(process.principal(PEOPLE[4]))),
    *SERVICE_ACTS,
    *ENDPOINT_ACTS,
    (f"DELETE {_C}", 1, lambda process, room: process.delete_conversation("alice")),
    DELETION_BY_SERVICE,
]
"""Commands and routes, with the number of ids that each names; those that destroy the room are last."""


def test_every_command_and_route_is_walked() -> None:
    assert {request for request, _, _ in ACTS} == READS.keys() == PRICES.keys()


def test_requests_read_no_more_than_documented_and_cost_no_more_than_their_prices(tables: Tables) -> None:
    room, prices = hostile_room(tables), read_prices().prices
    facts, problems = room.facts(), []
    for number, (request, named, act) in enumerate(ACTS):
        meter = CapacityMeter(tables.engine)
        process = room.harness.process(meter, skew=10.0 * number)
        answered = len(json.dumps(act(process, room), ensure_ascii=False, default=str).encode())
        most = most_units(request, replace(facts, named=named, answered=answered))
        if meter.reads > most:
            problems.append(f"{request} reads {meter.reads} units, more than {most}")
        usd = prices["dynamodb_read"].cost(meter.reads) + prices["dynamodb_write"].cost(meter.writes)
        price = PRICES[request] + named * PER_NAMED.get(request, 0)
        if request in PER_STORED:
            price += stored_price(request, facts.conversations + facts.former)
        if usd * 1e6 > price:
            problems.append(f"{request} costs {usd * 1e6:.1f}, more than its price of {price}")
    assert not problems, "\n".join(problems)
