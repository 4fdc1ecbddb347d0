"""The rows of the list of conversations: pages and pushes, in whichever order they arrive."""

from __future__ import annotations

import itertools
import random

import pytest
from serverless_chat import ConversationList
from serverless_chat.core.outputs import HeadsReceived, JsonObject, Pushed
from serverless_chat.core.rows import UNKNOWN_DELAY, Rows

from tests.clients.python.drive import (
    HISTORY,
    NOW,
    SOCKET,
    WELCOME,
    connected,
    error,
    event,
    frames,
    new_client,
    take,
)
from tests.clients.python.fake_server import Server
from tests.clients.python.listed import activity, entry, last, loaded, pushed, read, state, talk


def test_list_asks_for_the_feed_in_hello_and_on_an_open_connection() -> None:
    client = new_client()
    client.want_feed(NOW)
    client.start(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET, NOW)
    assert [hello["feed"] for hello in frames(client, "hello")] == [True]
    other = connected()
    other.want_feed(NOW)
    [first] = frames(other, "hello")
    assert first["feed"] is True
    other.receive(SOCKET, error(first, "UNAVAILABLE", retryable=True), NOW)
    other.advance(NOW + 5)
    [second] = frames(other, "hello")
    other.receive(SOCKET, WELCOME | {"id": second["id"], "feed": True}, NOW + 5)
    assert take(other, Pushed)
    other.advance(NOW + 30)
    assert frames(other, "hello") == []


def test_ping_names_the_heads_of_the_rows_and_a_higher_one_loads_the_list_again() -> None:
    client = connected()
    client.watch({"conv_b": 7})
    client.advance(NOW + 240)
    [ping] = frames(client, "ping")
    assert ping["heads"] == {"conv_b": 7}
    heads = {"type": "pong", "id": ping["id"], "history_id": HISTORY, "heads": {"conv_b": 8}}
    client.receive(SOCKET, heads, NOW + 240)
    assert take(client, HeadsReceived) == [HeadsReceived({"conv_b": 8}, frozenset())]
    # `test_list_is_loaded_again_…` continues here.


def test_row_is_the_same_in_whichever_order_pages_and_pushes_arrive() -> None:
    pushes = [
        activity(5, title="Oslo"),
        activity(6),
        read(6, 6, 0),
        activity(8, message_count=7, last_message=last(8, "newest")),
        entry(4, read_up_to=2, unread_count=2),
        read(5, 3, 2),
    ]
    for order in itertools.permutations(pushes):
        rows = loaded(entry(3))
        for push in order:
            if "type" in push:
                rows.apply(push, "alice")
            else:
                rows.load({"conversations": [push]}, HISTORY)
        assert state(rows["conv_a"]) == ("Oslo", 1, 6, 8, "newest")
        assert rows.total_unread == 1


def test_total_is_that_of_the_server_and_what_came_since() -> None:
    rows = loaded(entry(3), next_cursor="more", total_unread=20)
    rows.apply(activity(5), "alice")
    assert rows.total_unread == 22
    rows.apply(read(5, 5, 0), "alice")
    assert rows.total_unread == 17
    rows.apply(activity(6), "alice")
    rows.apply(
        {"type": "personal_state", "conversation_id": "conv_a", "me": {"archived": True, "pinned": False}}, "alice"
    )
    assert rows.total_unread == 17
    rows.apply({"type": "conversation_removed", "conversation_id": "conv_a", "reason": "removed"}, "alice")
    assert rows.total_unread == 17


def test_pinned_rows_come_first() -> None:
    rows = loaded(entry(3), entry(2, "conv_b"))
    rows.apply(
        {"type": "personal_state", "conversation_id": "conv_b", "me": {"archived": False, "pinned": True}}, "alice"
    )
    assert [row.conversation_id for row in rows.sorted()] == ["conv_b", "conv_a"]


def test_row_follows_the_open_room_and_counts_on_when_it_is_closed() -> None:
    rows = loaded(entry(3))
    events = [
        {"sequence_id": 4, "type": "message"},
        {"sequence_id": 5, "type": "conversation_updated", "title": "Oslo"},
    ]
    rows.follow("conv_a", events, 5, 0, last(4))
    assert state(rows["conv_a"]) == ("Oslo", 0, 5, 5, "text 4")
    rows.apply(activity(6, message_count=5), "alice")
    assert state(rows["conv_a"]) == ("Oslo", 1, 5, 6, "text 6")


def test_row_does_not_follow_a_room_that_is_behind_it() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        room = await conversations._chat.open("conv_a")
        server.socket.push(activity(6))
        await conversations.changes.until(lambda rows: rows[0].unread_count == 4)
        server.socket.push(pushed(event(3, "conversation_updated", title="Oslo"), event(4)))
        await room.changes.until(lambda messages: len(messages) == 3)
        assert state(conversations.rows[0]) == ("Trip", 4, 2, 6, "text 6")
        server.socket.push(pushed(event(5), event(6)))
        rows = await conversations.changes.until(lambda rows: rows[0].title == "Oslo")
        assert state(rows[0]) == ("Oslo", 3, 2, 6, "text 6")

    talk(steps)


def test_change_of_a_message_before_the_view_of_the_room_loads_the_list_again() -> None:
    async def steps(server: Server, conversations: ConversationList) -> None:
        server.first = 3
        await conversations._chat.open("conv_a")
        count, server.page = server.requests, {"conversations": [entry(3, last_message=last(2, "edited"))]}
        server.socket.push(pushed(event(3, "message_edited", target=2, content="edited")))
        rows = await conversations.changes.until(lambda rows: (rows[0].last_message or {})["content"] == "edited")
        assert (rows[0].head, server.requests) == (3, count + 1)

    talk(steps)


def test_event_of_a_conversation_that_is_not_open_loads_the_list_again() -> None:
    events = {"conversation_id": "conv_a", "history_id": HISTORY}
    edited = pushed(event(3, "message_edited", target=2, content="edited"))
    rows = loaded(entry(2, read_up_to=2))
    lacking = [
        edited,  # the server has not executed `unsubscribe` yet
        {"type": "subscribed", **events, "head": 3, "events": [], "read_up_to": 2},
        {"type": "read_ack", **events, "read_up_to": 3, "unread_count": 0},
        read(1, 3, 0),  # the page with a newer head, but an older mark, came first
        pushed(event(3)) | {"conversation_id": "conv_b"},
    ]
    assert [rows.apply(frame, "alice") for frame in lacking] == [UNKNOWN_DELAY] * 5
    rows.load({"conversations": [entry(3, read_up_to=3)]}, HISTORY)
    assert [rows.apply(frame, "alice") for frame in lacking[:4]] == [None] * 4
    rows.apply(activity(5), "alice")
    assert rows.apply(pushed(event(4, "conversation_updated", title="Oslo")), "alice") == UNKNOWN_DELAY

    async def steps(server: Server, conversations: ConversationList) -> None:
        room = await conversations._chat.open("conv_a")
        await conversations.changes.until(lambda rows: rows[0].unread_count == 0)
        room.close()
        count, server.page = server.requests, {"conversations": [entry(3, unread_count=1)]}
        server.socket.push(pushed(event(3)))
        rows = await conversations.changes.until(lambda rows: rows[0].unread_count == 1)
        assert (rows[0].head, server.requests) == (3, count + 1)

    talk(steps)


def test_read_of_others_changes_no_row_and_one_without_counts_is_looked_up() -> None:
    rows = loaded(entry(3))
    bare = {"type": "read", "conversation_id": "conv_a", "participant_id": "alice", "sequence_id": 3}
    assert rows.apply(read(3, 3, 0) | {"participant_id": "bob"}, "alice") is None
    assert rows["conv_a"].unread_count == 3
    assert rows.apply(bare | {"sequence_id": 2}, "alice") == 0
    assert rows.apply(bare, "alice") is None
    assert rows["conv_a"].unread_count == 0


@pytest.mark.parametrize("seed", range(40))
def test_rows_are_those_of_the_server_after_lost_doubled_and_late_frames(seed: int) -> None:
    choices = random.Random(seed)
    server, rows = entry(1), loaded(entry(1))
    pending: list[JsonObject] = []
    for _ in range(60):
        match choices.choice(
            ["message", "message", "read", "title", "page", "deliver", "deliver", "double", "lose"]
        ):
            case "message":
                number = server["head"] + 1
                counts = {"head": number, "message_count": server["message_count"] + 1}
                server |= counts | {"last_message": last(number), "unread_count": server["unread_count"] + 1}
                pending.append(activity(number, message_count=counts["message_count"]))
            case "read":
                server |= {"read_up_to": server["head"], "unread_count": 0}
                counts = {"message_count": server["message_count"]}
                pending.append(read(server["head"], server["head"], 0) | counts)
            case "title":
                server |= {"head": server["head"] + 1, "title": f"title {server['head']}"}
                title = {
                    "head": server["head"],
                    "message_count": server["message_count"],
                    "title": server["title"],
                }
                pending.append({"type": "activity", "conversation_id": "conv_a", "history_id": HISTORY, **title})
            case "page":
                pending.append(dict(server))
            case "deliver" | "double" | "lose" as kind if pending:
                index = choices.randrange(len(pending))
                frame = pending[index] if kind == "double" else pending.pop(index)
                if kind != "lose":
                    _deliver(rows, frame)
            case _:
                pass
    choices.shuffle(pending)
    for frame in [dict(server), *pending]:  # the page after a reconnect, and late frames
        _deliver(rows, frame)
    expected = (server["title"], server["unread_count"], server["read_up_to"], server["head"])
    assert state(rows["conv_a"]) == (*expected, server["last_message"]["content"])
    assert rows.total_unread == server["unread_count"]


def _deliver(rows: Rows, frame: JsonObject) -> None:
    if "type" in frame:
        rows.apply(frame, "alice")
    else:
        rows.load({"conversations": [frame]}, HISTORY)
