"""One conversation: pages, gaps, resets, older events."""

from __future__ import annotations

import pytest
from serverless_chat.core.client import Client
from serverless_chat.core.outputs import (
    Appended,
    Discarded,
    JsonObject,
    MembersChanged,
    Prepended,
    Pushed,
    Replaced,
    Save,
    SendFrame,
    SubscriptionEnded,
    Trimmed,
)

from tests.clients.python.drive import (
    HISTORY,
    NOW,
    SOCKET,
    WELCOME,
    connect,
    connected,
    error,
    event,
    frames,
    new_client,
    take,
)


def page(request: JsonObject, first: int, last: int, head: int, **fields: object) -> JsonObject:
    kind = "subscribed" if request["type"] == "subscribe" else "sync"
    events = [event(number) for number in range(first, last + 1)]
    more = {"has_more": False, "head": head, "events": events, "history_id": HISTORY}
    return {"type": kind, "id": request["id"], "conversation_id": "conv_a"} | more | fields


def push(*numbers: int, history_id: str = HISTORY) -> JsonObject:
    events = [event(number) for number in numbers]
    return {"type": "events", "history_id": history_id, "conversation_id": "conv_a", "events": events}


def followed(first: int = 1, last: int = 3) -> Client:
    """Return a client whose view has these events."""
    client = connected()
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    client.receive(SOCKET, page(subscribe, first, last, last), NOW)
    list(client.outputs())
    return client


def numbers(client: Client) -> list[int]:
    return [shown["sequence_id"] for shown in client.events("conv_a")]


def test_position_is_saved_after_the_events_were_notified() -> None:
    client = connected()
    client.open("conv_a", NOW, resume=True)
    client.receive(SOCKET, page(frames(client, "subscribe")[0], 1, 3, 3), NOW)
    list(client.outputs())
    client.receive(SOCKET, push(4), NOW)
    outputs = [type(output) for output in client.outputs()]
    assert [kind for kind in outputs if kind not in {MembersChanged, Pushed}] == [Appended, Save]


def test_known_event_is_dropped_and_one_after_a_gap_is_held() -> None:
    client = followed()
    client.receive(SOCKET, push(5, 2), NOW)
    assert numbers(client) == [1, 2, 3]
    client.receive(SOCKET, push(4), NOW)
    assert numbers(client) == [1, 2, 3, 4, 5]


def test_sync_is_sent_if_a_gap_stays_open_for_250_milliseconds() -> None:
    client = followed()
    client.receive(SOCKET, push(5), NOW)
    assert client.next_timer(NOW) == pytest.approx(0.25)
    client.advance(NOW + 0.24)
    assert frames(client) == []
    client.advance(NOW + 0.25)
    [sync] = frames(client, "sync")
    assert (sync["after"], sync["history_id"]) == (3, HISTORY)


def test_gap_that_closes_in_time_needs_no_sync() -> None:
    client = followed()
    client.receive(SOCKET, push(5), NOW)
    client.receive(SOCKET, push(4), NOW + 0.1)
    client.advance(NOW + 1)
    assert frames(client) == []


def test_higher_head_in_a_pong_is_fetched_at_once() -> None:
    client = followed()
    client.receive(SOCKET, {"type": "pong", "history_id": HISTORY, "heads": {"conv_a": 4}}, NOW)
    assert [frame["after"] for frame in frames(client, "sync")] == [3]


def test_further_pages_are_fetched_until_the_head() -> None:
    client = followed()
    client.receive(SOCKET, {"type": "pong", "history_id": HISTORY, "heads": {"conv_a": 9}}, NOW)
    client.receive(SOCKET, page(frames(client)[0], 4, 6, 9, has_more=True), NOW)
    [sync] = frames(client, "sync")
    client.receive(SOCKET, page(sync, 7, 9, 9), NOW)
    assert numbers(client) == list(range(1, 10))


def test_view_begins_anew_at_the_newest_page_after_a_huge_gap() -> None:
    client = followed()
    client.receive(SOCKET, {"type": "pong", "history_id": HISTORY, "heads": {"conv_a": 100_000}}, NOW)
    [subscribe] = frames(client, "subscribe")
    assert "after" not in subscribe
    client.receive(SOCKET, page(subscribe, 99_951, 100_000, 100_000, has_more=True), NOW)
    [replaced] = take(client, Replaced)
    assert (replaced.start, len(replaced.events)) == (99_951, 50)
    assert numbers(client) == list(range(99_951, 100_001))


def test_reset_discards_the_events_of_the_conversation() -> None:
    client = followed()
    client.receive(SOCKET, {"type": "pong", "history_id": HISTORY, "heads": {"conv_a": 4}}, NOW)
    client.receive(SOCKET, page(frames(client)[0], 1, 2, 2, reset=True), NOW)
    assert [replaced.start for replaced in take(client, Replaced)] == [1]
    assert numbers(client) == [1, 2]


def test_newer_history_discards_all_events_and_subscribes_again() -> None:
    client = followed()
    client.receive(SOCKET, push(2, history_id="2.restored"), NOW)
    outputs = list(client.outputs())
    assert Discarded("conv_a") in outputs
    assert Save("history", {"history_id": "2.restored"}) in outputs
    assert numbers(client) == []


def test_frame_of_an_older_history_is_ignored() -> None:
    client = followed()
    client.receive(SOCKET, push(4, history_id="0.former"), NOW)
    assert list(client.outputs()) == []


def test_late_answer_to_a_former_request_replaces_nothing() -> None:
    client = followed(10, 12)
    client.receive(SOCKET, page({"type": "subscribe", "id": "former"}, 1, 5, 5), NOW)
    client.receive(SOCKET, page({"type": "sync", "id": "former"}, 1, 5, 5, reset=True), NOW)
    assert numbers(client) == [10, 11, 12]


def test_older_events_precede_the_start_and_come_as_one_piece() -> None:
    client = followed(101, 103)
    assert client.older("conv_a", NOW)
    [first] = frames(client, "sync")
    assert first["after"] == 50
    client.receive(SOCKET, page(first, 51, 80, 103, has_more=True), NOW)
    assert take(client, Prepended) == []
    assert numbers(client)[0] == 101
    [second] = [frame for frame in frames_again(client) if frame["type"] == "sync"]
    client.receive(SOCKET, page(second, 81, 103, 103), NOW)
    assert numbers(client) == list(range(51, 104))


def frames_again(client: Client) -> list[JsonObject]:
    """Let an unanswered request be repeated, as its frame was taken before."""
    client.online(NOW)
    return frames(client)


def test_older_page_that_the_connection_lost_is_requested_again() -> None:
    client = followed(101, 103)
    client.older("conv_a", NOW)
    client.socket_closed(SOCKET, NOW)
    client.online(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET + 1, NOW)
    [hello] = frames(client, "hello")
    welcome = {"type": "welcome", "id": hello["id"], "history_id": HISTORY, "limits": {}, "ping_interval": 240}
    welcome |= {"participant": {"participant_id": "alice"}, "expires_at": "2027-01-15T09:00:00.000Z"}
    client.receive(SOCKET + 1, welcome, NOW)
    assert frames(client, "sync") == []
    client.receive(SOCKET + 1, page({"type": "subscribe", "id": hello["id"]}, 104, 104, 104), NOW)
    assert [frame["after"] for frame in frames(client, "sync")] == [50]


def test_nothing_precedes_the_first_event() -> None:
    client = followed()
    assert not client.older("conv_a", NOW)
    assert frames(client) == []


def test_final_error_ends_the_subscription_and_a_transient_one_does_not() -> None:
    client = connected()
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    failure = {"conversation_id": "conv_a"}
    client.receive(SOCKET, error(subscribe, "UNAVAILABLE", retryable=True, retry_after=1.0, **failure), NOW)
    client.advance(NOW + 2)
    [again] = frames(client, "subscribe")
    assert again["n"] > subscribe["n"]
    client.receive(SOCKET, error(again, "NOT_FOUND", retryable=False, **failure), NOW + 2)
    assert take(client, SubscriptionEnded) == [SubscriptionEnded("conv_a", "NOT_FOUND")]


@pytest.mark.parametrize("kind", ["conversation_removed", "conversation_deleted"])
def test_lost_membership_ends_the_subscription(kind: str) -> None:
    client = followed()
    client.receive(SOCKET, {"type": kind, "conversation_id": "conv_a", "reason": "left"}, NOW)
    assert take(client, SubscriptionEnded) == [SubscriptionEnded("conv_a", kind)]


def test_handlers_may_call_the_client_while_they_take_outputs() -> None:
    client = followed()
    client.receive(SOCKET, push(4), NOW)
    sent = []
    for output in client.outputs():
        if isinstance(output, Appended):
            client.close("conv_a")
            client.open("conv_b", NOW)
        sent.append(output.frame["type"] if isinstance(output, SendFrame) else None)
    assert [kind for kind in sent if kind] == ["unsubscribe", "subscribe"]


def test_position_of_another_history_is_not_resumed() -> None:
    position = {"sequence_id": 7, "history_id": "0.former"}
    client = new_client({"history": {"history_id": HISTORY}, "position/conv_a": position})
    client.open("conv_a", NOW, resume=True)
    connect(client)
    assert frames(client, "hello")[0]["subscribe"] == [{"conversation_id": "conv_a"}]


def test_page_that_was_wanted_while_subscribing_is_fetched_after_the_answer() -> None:
    client = followed(101, 103)
    client.close("conv_a")
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    client.receive(SOCKET, page(subscribe, 101, 103, 103), NOW)
    client.socket_closed(SOCKET, NOW)
    client.older("conv_a", NOW)
    client.online(NOW)
    client.token_received("token", NOW)
    client.socket_opened(SOCKET + 1, NOW)
    [hello] = frames(client, "hello")
    client.receive(SOCKET + 1, WELCOME | {"id": hello["id"]}, NOW)
    client.receive(SOCKET + 1, page({"type": "subscribe", "id": hello["id"]}, 104, 103, 103), NOW)
    assert [frame["after"] for frame in frames(client, "sync")] == [50]


def test_window_keeps_the_newest_events_and_those_that_were_fetched() -> None:
    client = connected()
    client.open("conv_a", NOW, window=20)
    [subscribe] = frames(client, "subscribe")
    client.receive(SOCKET, page(subscribe, 81, 100, 100), NOW)
    for number in range(101, 107):
        client.receive(SOCKET, push(number), NOW)
    assert [trimmed.start for trimmed in take(client, Trimmed)] == [87]
    assert numbers(client) == list(range(87, 107))
    assert [message.sequence_id for message in client.messages("conv_a")] == list(range(87, 107))
    client.older("conv_a", NOW)
    client.receive(SOCKET, page(frames(client, "sync")[0], 37, 86, 106), NOW)
    client.receive(SOCKET, push(*range(107, 112)), NOW)
    assert numbers(client) == list(range(37, 112))


def test_all_missed_events_are_fetched_if_no_limit_is_set() -> None:
    client = connected()
    client.open("conv_a", NOW, max_catch_up=None)
    [subscribe] = frames(client, "subscribe")
    client.receive(SOCKET, page(subscribe, 1, 3, 3), NOW)
    client.receive(SOCKET, {"type": "pong", "history_id": HISTORY, "heads": {"conv_a": 100_000}}, NOW)
    assert [frame["after"] for frame in frames(client, "sync")] == [3]


def test_conversation_that_is_closed_and_opened_again_resumes_after_its_last_event() -> None:
    client = connected()
    client.open("conv_a", NOW, resume=True)
    client.receive(SOCKET, page(frames(client, "subscribe")[0], 1, 3, 3), NOW)
    client.receive(SOCKET, push(4), NOW)
    list(client.outputs())
    client.close("conv_a")
    client.open("conv_a", NOW, resume=True)
    assert frames(client, "subscribe")[0]["after"] == 4


def test_position_that_a_caller_has_saved_is_resumed_by_the_same_process() -> None:
    client = connected()
    client.open("conv_a", NOW, resume=True, saves_position=False)
    client.receive(SOCKET, page(frames(client, "subscribe")[0], 1, 3, 3), NOW)
    client.save_position("conv_a", 2)
    client.receive(SOCKET, {"type": "conversation_removed", "conversation_id": "conv_a", "reason": "removed"}, NOW)
    list(client.outputs())
    client.open("conv_a", NOW, resume=True, saves_position=False)
    assert frames(client, "subscribe")[0]["after"] == 2


def test_position_that_is_not_stored_yet_is_not_resumed() -> None:
    client = connected()
    client.open("conv_a", NOW, resume=True)
    client.receive(SOCKET, page(frames(client, "subscribe")[0], 1, 3, 3), NOW)
    list(client.outputs())
    client.receive(SOCKET, push(4), NOW)
    subscribed = []
    for output in client.outputs():
        if isinstance(output, Appended):  # a handler opens the conversation again before the position is stored
            client.close("conv_a")
            client.open("conv_a", NOW, resume=True)
        if isinstance(output, SendFrame) and output.frame["type"] == "subscribe":
            subscribed.append(output.frame["after"])
    assert subscribed == [3]


def test_conversation_that_is_opened_again_to_resume_saves_its_position_from_then_on() -> None:
    client = followed()
    client.open("conv_a", NOW, resume=True, max_catch_up=None)
    assert [save.value["sequence_id"] for save in take(client, Save)] == [3]
    client.receive(SOCKET, push(4), NOW)
    assert [save.value["sequence_id"] for save in take(client, Save)] == [4]
    client.open("conv_a", NOW)
    client.receive(SOCKET, push(1_000), NOW)
    client.advance(NOW + 1)
    assert frames(client, "sync")[0]["after"] == 4  # also more than 500 missed events, as one caller wants
