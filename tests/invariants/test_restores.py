"""A restore from a backup: clients of the old history show the new one, in every order of frames."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.kernel.errors import PositionUnknown, Unavailable
from chalicelib.core.kernel.history_id import HistoryId
from chalicelib.core.protocol.queries import AuditQuery, EventsQuery, MessagesQuery
from local.faults.client import DynamoClient
from local.faults.engine import MemoryEngine
from tests.invariants.checker import check
from tests.invariants.client_view import ClientView
from tests.invariants.harness import MEMBERS, Harness, Setup
from tests.invariants.interleaving import Act, Results, error_of, interleave
from tests.invariants.process import Process
from tests.invariants.tables import Tables
from tests.support.items import Items, batch_write
from tests.support.stepper import crash_points

KNOWN = 6
"""The head that bob has seen of the old history. The backup was made at 3."""
AT_BACKUP = 3
HEADS = [pytest.param(4, id="below"), pytest.param(KNOWN, id="at"), pytest.param(8, id="above")]
"""Heads of the rewritten log, compared with the position of bob."""
NEWER = HistoryId(1, "restored")
OLDER: dict[str, Any] = {"history_id": "0.the-old-table", "after": KNOWN}
"""A position of an older history."""


def restored(harness: Harness, backup: Items) -> Harness:
    """Return the conversation in a deployment with the items of a backup; connections are those of now."""
    live = harness.tables.connections_table
    tables = Tables(MemoryEngine("restored", live), "restored", live)
    tables.settings = replace(tables.settings, history_id=NEWER)
    kept = {key: item for key, item in harness.items().items() if key.table == live}
    kept |= {key: item for key, item in backup.items() if key.table != live}
    batch_write(tables.engine, [(live if key.table == live else "restored", item) for key, item in kept.items()])
    return replace(harness, tables=tables)


def send_until(harness: Harness, head: int, text: str) -> None:
    process = harness.process()
    for number in range(process.get_conversation("alice")["head"] + 1, head + 1):
        process.post_message("alice", f"{text} {number}", f"{text}-{number}")


def received(harness: Harness, socket: str) -> list[dict[str, Any]]:
    return [post.frame for post in harness.posts if post.connection_id == harness.connection_id(socket)]


def continued(tables: Tables) -> tuple[Harness, Items, ClientView]:
    """Return a conversation that continued after a backup, the backup, and bob's view of the conversation."""
    harness = tables.harness()
    send_until(harness, AT_BACKUP, "before")
    backup = harness.items()
    send_until(harness, KNOWN, "lost")
    harness.process().send_frame("bob", "subscribe", after=0)
    view = ClientView(harness.conversation)
    for frame in received(harness, "bob"):
        view.receive(frame)
    assert (view.position, view.history_id) == (KNOWN, tables.settings.history_id)
    return harness, backup, view


def settle(view: ClientView, process: Process, socket: str) -> None:
    """Compare heads and sync until nothing is missing, as each ping does."""
    harness = process.harness
    for _ in range(5):
        seen = len(received(harness, socket))
        process.send_frame(socket, "ping", heads={harness.conversation: 0}, **history_of(view))
        (pong,) = received(harness, socket)[seen:]
        view.receive(pong)
        if pong["heads"][harness.conversation] == view.position:
            return
        command = "sync" if "after" in view.named() else "subscribe"
        process.send_frame(socket, command, **view.named())
        for frame in received(harness, socket)[seen:]:
            view.receive(frame)
    raise AssertionError(f"{socket} never catches up: {view.position}")


def history_of(view: ClientView) -> dict[str, str]:
    return {name: value for name, value in view.named().items() if name == "history_id"}


def shows_the_log(view: ClientView, harness: Harness) -> None:
    """Check that the shown events are those of the log, from a marked start to the position."""
    log = harness.process().list_events("alice")["events"]
    assert view.shown == log[log.index(view.shown[0]) :]
    ours = {event["client_message_id"]: event["sequence_id"] for event in log if "client_message_id" in event}
    assert view.resolved.items() <= ours.items(), "an acknowledgement of the old history resolved a message"


def hello(process: Process, view: ClientView) -> None:
    named = view.named()
    subscribe = [{"conversation_id": process.harness.conversation, "after": named.pop("after")}]
    process.send_frame("bob", "hello", subscribe=subscribe, **named)


COMMANDS: dict[str, Callable[[Process, ClientView], object]] = {
    "subscribe": lambda process, view: process.send_frame("bob", "subscribe", **view.named()),
    "sync": lambda process, view: process.send_frame("bob", "sync", **view.named()),
    "hello": hello,
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("head", HEADS)
def test_client_of_the_old_history_shows_the_restored_log(tables: Tables, head: int, command: str) -> None:
    old, backup, view = continued(tables)
    harness = restored(old, backup)
    send_until(harness, head, "new")
    seen = len(received(harness, "bob"))
    COMMANDS[command](harness.process(), view)
    answers = received(harness, "bob")[seen:]
    assert [frame.get("reset") for frame in answers if frame["type"] in ("subscribed", "sync")] == [True]
    for frame in received(harness, "bob"):
        view.receive(frame)
    shows_the_log(view, harness)
    assert (view.position, view.history_id) == (head, NEWER)


@pytest.mark.parametrize("head", HEADS)
def test_http_rejects_positions_of_the_old_history(tables: Tables, head: int) -> None:
    old, backup, view = continued(tables)
    harness = restored(old, backup)
    send_until(harness, head, "new")
    process, named = harness.process(), {"after": str(KNOWN), "history_id": str(view.history_id)}
    history, moderation = process.app.conversations.history, process.app.conversations.moderation
    reads: list[Callable[[], object]] = [
        (lambda: history.events(process.principal("bob"), harness.conversation, EventsQuery(**named))),
        (lambda: history.messages(process.principal("bob"), harness.conversation, MessagesQuery(**named))),
        (lambda: moderation.audit(process.principal("alice"), harness.conversation, AuditQuery(**named))),
    ]
    for read in reads:
        with pytest.raises(PositionUnknown) as raised:
            read()
        assert (raised.value.history_id, raised.value.head) == (str(NEWER), head)


def of_conversation(harness: Harness) -> Items:
    """Return the items of the conversation: its log, its members, its messages."""
    return {key: item for key, item in harness.items().items() if harness.conversation in key.pk}


WRITES: dict[str, dict[str, Any]] = {
    "delete": {"target": KNOWN},
    "edit": {"target": KNOWN, "content": "the wrong message"},
    "react": {"target": KNOWN, "emoji": "👍"},
    "read": {"sequence_id": KNOWN},
    "message": {"content": "to the wrong message", "client_message_id": "reply", "reply_to": KNOWN},
}


@pytest.mark.parametrize("command", WRITES)
@pytest.mark.parametrize("head", HEADS)
def test_command_about_a_message_of_the_old_history_spares_that_of_the_new_one(
    tables: Tables, head: int, command: str
) -> None:
    """Alice names an event of the lost part of the log, which is another message by now, or none."""
    old, backup, view = continued(tables)
    harness = restored(old, backup)
    send_until(harness, head, "new")
    before = of_conversation(harness)
    fields = {"conversation_id": harness.conversation, "history_id": str(view.history_id), **WRITES[command]}
    alone = harness.process().send_frame("alice", command, **fields)
    entries = [{"type": command, **fields}]
    (batch,) = harness.process().send_frame("alice", "batch", commands=entries)
    assert [error_of(alone), batch["results"][0]["code"]] == ["POSITION_UNKNOWN"] * 2
    assert of_conversation(harness) == before


def test_function_of_the_old_deployment_answers_no_client_of_the_new_one(tables: Tables) -> None:
    old, backup, view = continued(tables)
    settle(view, restored(old, backup).process(), "bob")
    assert view.history_id == NEWER
    shown, seen = view.shown, len(received(old, "bob"))
    for command in COMMANDS.values():
        command(old.process(), view)
    named = {"after": str(view.position), "history_id": str(NEWER)}
    with pytest.raises(Unavailable):
        old.process().app.conversations.history.events(
            old.process().principal("bob"), old.conversation, EventsQuery(**named)
        )
    answers = received(old, "bob")[seen:]
    assert [frame.get("code") for frame in answers] == ["UNAVAILABLE"] * len(COMMANDS)
    for frame in answers:
        view.receive(frame)
    assert view.shown == shown


def test_frames_of_both_deployments_can_arrive_in_any_order(tables: Tables) -> None:
    """For some seconds the old functions still commit, acknowledge and push."""
    old, backup, view = continued(tables)
    harness, before = restored(old, backup), len(old.posts)
    old.process().send_message("bob", "to the old table", "outbox-1")
    old.process().send_message("carol", "to the old table, too", "k")
    harness.process().send_frame("bob", "subscribe", **view.named())
    harness.process().send_message("bob", "to the new table", "outbox-2")
    harness.process().send_message("carol", "to the new table, too", "k")
    arriving = [
        post.frame for post in harness.posts[before:] if post.connection_id == harness.connection_id("bob")
    ]
    assert {frame["history_id"] for frame in arriving} == {str(NEWER), str(tables.settings.history_id)}
    earlier, chance = received(harness, "bob")[: -len(arriving)], random.Random(1)
    for _ in range(200):
        chance.shuffle(arriving)
        view = ClientView(harness.conversation)
        for frame in [*earlier, *arriving]:
            view.receive(frame)
        settle(view, harness.process(), "bob")
        shows_the_log(view, harness)
        assert view.resolved == {"outbox-2": AT_BACKUP + 1}


@pytest.mark.parametrize("command", ["subscribe", "sync"])
def test_reset_concurrent_with_sends_loses_no_event(tables: Tables, engine_tables: Tables, command: str) -> None:
    """Bob names a position of an older history: in every interleaving his view becomes the log (L5)."""
    for place in (tables, engine_tables):
        place.settings = replace(place.settings, history_id=HistoryId(1, place.conversations_table))

    def judge(harness: Harness, ends: Results) -> None:
        assert len(ends.succeeded_names()) == 3
        view = ClientView(harness.conversation)
        view.history_id = HistoryId.parse(OLDER["history_id"])
        for frame in received(harness, "bob"):
            view.receive(frame)
        settle(view, harness.process(skew=30.0), "bob")
        shows_the_log(view, harness)
        check(harness, subscribers=MEMBERS)

    acts: dict[str, Act] = {
        "bob resets": lambda process: process.send_frame("bob", command, **OLDER),
        "alice sends": lambda process: process.send_message("alice", "of alice", "k"),
        "carol sends": lambda process: process.send_message("carol", "of carol", "k"),
    }
    try:
        interleave(tables, Setup(), acts, judge, samples=60, engine_tables=engine_tables)
    finally:
        engine_tables.settings = replace(
            engine_tables.settings, history_id=HistoryId(0, engine_tables.conversations_table)
        )


def test_crash_during_a_reset_leaves_a_position_that_is_reset_again(tables: Tables) -> None:
    tables.settings = replace(tables.settings, history_id=HistoryId(1, "conversations"))

    def act(harness: Harness, client: DynamoClient) -> None:
        harness.process(client).send_frame("bob", "subscribe", **OLDER)

    points = 0
    for point in itertools.islice(crash_points(tables.engine, tables.harness, act), 50):
        with point as harness:
            replies = harness.process(skew=1.0).send_frame("bob", "subscribe", **OLDER)
            assert error_of(replies) is None
            view = ClientView(harness.conversation)
            for frame in received(harness, "bob"):
                view.receive(frame)
            settle(view, harness.process(skew=2.0), "bob")
            shows_the_log(view, harness)
        points += 1
    assert points >= 4
