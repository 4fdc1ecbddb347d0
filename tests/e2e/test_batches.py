"""Batches over the WebSocket and by HTTP: order, results, repeats, errors and pushes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import MakeClients
from tests.support.client import TestClient

Command = dict[str, Any]
Execute = Callable[..., list[Any]]


def message(chat: str, number: int, **fields: Any) -> Command:
    return {
        "type": "message",
        "conversation_id": chat,
        "client_message_id": f"m{number}",
        "content": f"text {number}",
        **fields,
    }


def update(kind: str, chat: str, target: int, **fields: Any) -> Command:
    return {"type": kind, "conversation_id": chat, "target": target, **fields}


def by_socket(person: TestClient, *commands: Command) -> list[Any]:
    if not person.sockets:
        person.connect()
    results: list[Any] = person.command("batch", "batch_result", commands=list(commands))["results"]
    return results


def by_http(person: TestClient, *commands: Command) -> list[Any]:
    results: list[Any] = person.post("/batch", {"commands": list(commands)}).expect(200)["results"]
    return results


@pytest.fixture(params=[by_socket, by_http], ids=["socket", "http"])
def execute(request: pytest.FixtureRequest) -> Execute:
    """Return the function that executes a batch on one of the transports."""
    chosen: Execute = request.param
    return chosen


def codes(results: list[Any]) -> list[str]:
    return [result.get("code", result["type"]) for result in results]


def test_messages_of_a_batch_are_in_the_log_in_their_order(clients: MakeClients, execute: Execute) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    results = execute(alice, *(message(chat, number) for number in range(20)))
    assert [result["sequence_id"] for result in results] == list(range(2, 22))
    assert [(result["client_message_id"], result["duplicate"]) for result in results] == [
        (f"m{number}", False) for number in range(20)
    ]
    events = alice.list_events(chat, after=1)
    assert [event["content"] for event in events] == [f"text {number}" for number in range(20)]
    for event in events:
        assert bob.expect_frame(type="event")["event"] == event
    assert bob.socket.pushes_of_events == [list(range(2, 22))], "one commit is one frame"


def test_events_that_exceed_a_frame_are_consecutive_frames(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    bob.connect(chat)
    by_http(alice, *(message(chat, number, content=9_000 * "x") for number in range(8)))
    for number in range(2, 10):
        bob.expect_frame(type="event", event={"sequence_id": number})
    assert bob.socket.pushes_of_events == [[2, 3, 4], [5, 6, 7], [8, 9]]


def test_commands_of_all_types_are_executed_in_their_order(clients: MakeClients, execute: Execute) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    results = execute(
        alice,
        message(chat, 1),
        update("react", chat, 2, emoji="👍"),
        update("unreact", chat, 2, emoji="👍"),
        update("edit", chat, 2, content="first edit"),
        update("edit", chat, 2, content="second edit"),
        {"type": "read", "conversation_id": chat, "sequence_id": 6},
        message(chat, 2, reply_to=2),
        update("delete", chat, 7),
    )
    assert [result["type"] for result in results] == [
        "message_ack", "ack", "ack", "ack", "ack", "read_ack", "message_ack", "ack",
    ]  # fmt: skip
    assert [event["type"] for event in alice.list_events(chat, after=1)] == [
        "message", "reaction_added", "reaction_removed", "message_edited", "message_edited", "message",
        "message_deleted",
    ]  # fmt: skip
    first, second = alice.list_messages(chat)
    assert (first["content"], "reactions" in first) == ("second edit", False)
    assert "deleted_at" in second


def test_results_by_http_have_the_statuses_of_their_routes(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    commands = [
        message(chat, 1),
        message(chat, 1),
        update("edit", chat, 2, content="edited"),
        update("react", chat, 2, emoji="👍"),
        {"type": "read", "conversation_id": chat, "sequence_id": 2},
        update("delete", chat, 2),
        update("edit", chat, 2, content="too late"),
        message(chat, 2),
    ]
    results = by_http(alice, *commands)
    assert [result["status"] for result in results] == [201, 200, 200, 204, 200, 204, 400, 503]


def test_batch_for_several_conversations_has_its_results_in_order(clients: MakeClients, execute: Execute) -> None:
    (alice,) = clients("alice")
    chats = [alice.create_conversation(f"Chat {number}") for number in range(3)]
    results = execute(alice, *(message(chats[number % 3], number) for number in range(12)))
    assert [result["conversation_id"] for result in results] == 4 * chats
    assert [result["sequence_id"] for result in results] == [2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]
    for start, chat in enumerate(chats):
        contents = [event["content"] for event in alice.list_events(chat, after=1)]
        assert contents == [f"text {number}" for number in range(start, 12, 3)]


def test_repeated_batch_answers_each_message_as_the_first_time(clients: MakeClients, execute: Execute) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    commands = [message(chat, number) for number in range(5)]
    first = execute(alice, *commands[:3])
    again = execute(alice, *commands)
    assert [result["duplicate"] for result in again] == [True, True, True, False, False]
    for one, other in zip(first, again, strict=False):
        assert (one["message_id"], one["sequence_id"]) == (other["message_id"], other["sequence_id"])
    assert alice.get_head(chat) == 6


def test_second_use_of_a_client_message_id_is_a_duplicate_of_the_first(
    clients: MakeClients, execute: Execute
) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    results = execute(
        alice, message(chat, 1), message(chat, 2), message(chat, 1, content="other"), message(chat, 3)
    )
    assert [result["sequence_id"] for result in results] == [2, 3, 2, 4]
    assert [result["duplicate"] for result in results] == [False, False, True, False]
    assert results[2]["message_id"] == results[0]["message_id"]
    assert alice.get_head(chat) == 4


def test_first_error_of_a_conversation_ends_its_part_only(clients: MakeClients, execute: Execute) -> None:
    (alice,) = clients("alice")
    one, other = alice.create_conversation("One"), alice.create_conversation("Other")
    results = execute(
        alice,
        message(one, 1),
        message(one, 2, content=""),
        message(other, 1),
        message(one, 3),
        update("react", one, 2, emoji="👍"),
        message(other, 2),
    )
    assert codes(results) == [
        "message_ack", "VALIDATION_FAILED", "message_ack", "NOT_ATTEMPTED", "NOT_ATTEMPTED", "message_ack",
    ]  # fmt: skip
    assert results[1]["details"][0]["path"] == "content"
    assert [result["retryable"] for result in results if "code" in result] == [False, True, True]
    assert (alice.get_head(one), alice.get_head(other)) == (2, 3)


@pytest.mark.parametrize("wrong", [{"reply_to": 99}, {"mentions": ["nobody"]}], ids=["reply", "mention"])
def test_valid_prefix_of_a_run_is_committed(clients: MakeClients, execute: Execute, wrong: Command) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    results = execute(alice, message(chat, 1), message(chat, 2), message(chat, 3, **wrong), message(chat, 4))
    assert codes(results) == ["message_ack", "message_ack", "VALIDATION_FAILED", "NOT_ATTEMPTED"]
    assert alice.get_head(chat) == 3


def test_reply_to_an_earlier_message_of_the_batch_is_accepted(clients: MakeClients, execute: Execute) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    results = execute(alice, message(chat, 1), message(chat, 2, reply_to=2), message(chat, 3, reply_to=3))
    assert [result["sequence_id"] for result in results] == [2, 3, 4]


def test_non_member_receives_not_found_and_nothing_is_attempted(clients: MakeClients, execute: Execute) -> None:
    alice, bob = clients("alice", "bob")
    chat, own = alice.create_conversation("Chat"), bob.create_conversation("Own")
    results = execute(bob, message(chat, 1), message(chat, 2), message(own, 1), message("conv_x", 1))
    assert codes(results) == ["NOT_FOUND", "NOT_ATTEMPTED", "message_ack", "NOT_FOUND"]
    assert alice.get_head(chat) == 1


def test_entry_without_a_conversation_fails_alone(clients: MakeClients, execute: Execute) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    invalid = {"type": "message", "client_message_id": "x", "content": "x"}
    results = execute(alice, invalid, message(chat, 1), {**invalid, "conversation_id": 5}, message(chat, 2))
    assert codes(results) == ["VALIDATION_FAILED", "message_ack", "VALIDATION_FAILED", "message_ack"]


def test_client_message_id_is_required(clients: MakeClients, execute: Execute) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    (result,) = execute(alice, {"type": "message", "conversation_id": chat, "content": "x"})
    assert (result["code"], result["details"][0]["path"]) == ("VALIDATION_FAILED", "client_message_id")


def test_result_repeats_the_id_of_its_command(clients: MakeClients) -> None:
    (alice,) = clients("alice")
    chat = alice.create_conversation("Chat")
    alice.connect()
    commands = [message(chat, 1, id="a"), message(chat, 2), message(chat, 3, id="c", content="")]
    results = alice.command("batch", "batch_result", commands=commands)["results"]
    assert [result.get("id") for result in results] == ["a", None, "c"]


def test_batch_that_does_not_fit_the_rate_limit_is_refused_whole(
    accelerated_clients: MakeClients, execute: Execute
) -> None:
    (alice,) = accelerated_clients("alice")
    chat = alice.create_conversation("Chat")
    by_http(alice, *(message(chat, number) for number in range(20)))
    alice.connect()
    commands = [message(chat, number) for number in range(20, 44)]
    if execute is by_socket:
        refused = alice.socket.request("batch", commands=commands)
        assert (refused["type"], refused["code"], refused["retryable"]) == ("error", "RATE_LIMITED", True)
    else:
        response = alice.post("/batch", {"commands": commands})
        assert (response.status, response.body["error"]["code"]) == (429, "RATE_LIMITED")
    assert alice.get_head(chat) == 21
    reads = [{"type": "read", "conversation_id": chat, "sequence_id": number} for number in range(1, 22)]
    assert codes(execute(alice, *reads)) == 21 * ["read_ack"], "reads are not charged"


def test_other_connections_of_the_reader_receive_the_read_pointer(clients: MakeClients) -> None:
    alice, bob = clients("alice", "bob")
    chat = alice.create_conversation("Chat", members=[bob])
    alice.post_message(chat, "text")
    alice.connect(chat)
    bob.connect(chat)
    by_socket(bob, {"type": "read", "conversation_id": chat, "sequence_id": 2})
    assert alice.expect_frame(type="read")["sequence_id"] == 2
    bob.expect_no_frame(type="read")
