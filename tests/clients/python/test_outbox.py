"""The outbox: order, attempts, acknowledgements, refusals."""

from __future__ import annotations

import pytest
from serverless_chat.core.client import Client
from serverless_chat.core.outputs import (
    Forget,
    JsonObject,
    PostBatch,
    Refused,
    Resolved,
    Save,
    SendFrame,
    Withdrawn,
)

from tests.clients.python.drive import (
    HISTORY,
    NOW,
    SOCKET,
    connect,
    connected,
    error,
    event,
    frames,
    new_client,
    take,
)


def send(client: Client, *keys: str, conversation_id: str = "conv_a") -> None:
    for key in keys:
        client.send(conversation_id, key, {"content": f"text of {key}"}, NOW)


def ack(command: JsonObject, sequence_id: int, history_id: str = HISTORY) -> JsonObject:
    kind = "message_ack" if command["type"] == "message" else "ack"
    return {"type": kind, "id": command["id"], "history_id": history_id, "sequence_id": sequence_id}


def statuses(client: Client, conversation_id: str = "conv_a") -> dict[str | None, str]:
    return {message.client_message_id: message.status for message in client.messages(conversation_id)}


def test_attempt_is_saved_before_its_frame_is_sent() -> None:
    client = connected()
    send(client, "a")
    outputs = [output for output in client.outputs() if isinstance(output, Save | SendFrame)]
    assert [isinstance(output, Save) for output in outputs] == [True, True, False]
    assert isinstance(outputs[1], Save)
    assert outputs[1].value["is_attempted"] is True


def test_later_messages_wait_for_the_answer_and_share_one_batch() -> None:
    client = connected()
    send(client, "a", "b", "c")
    [first] = frames(client)
    assert first["client_message_id"] == "a"
    client.receive(SOCKET, ack(first, 2), NOW)
    [batch] = frames(client)
    assert [command["client_message_id"] for command in batch["commands"]] == ["b", "c"]


def test_conversations_do_not_wait_for_each_other() -> None:
    client = connected()
    send(client, "a")
    send(client, "b", conversation_id="conv_b")
    assert [frame["conversation_id"] for frame in frames(client)] == ["conv_a", "conv_b"]


def test_batch_has_at_most_24_commands_and_fits_into_a_frame() -> None:
    client = new_client()
    send(client, *(f"k{number}" for number in range(30)))
    for number in range(4):
        client.send("conv_b", f"long{number}", {"content": "é" * 5_000}, NOW)
    connect(client)
    batches = [frame for frame in frames(client) if frame["type"] == "batch"]
    assert [len(batch["commands"]) for batch in batches] == [24, 3]


def test_command_that_fits_into_no_frame_is_sent_by_http() -> None:
    client = connected(limits={"frame_bytes": 500})
    client.send("conv_a", "long", {"content": "x" * 500}, NOW)
    [post] = take(client, PostBatch)
    client.batch_posted(post.request_id, None, NOW)
    client.advance(NOW + 2)
    [again] = take(client, PostBatch)
    assert again.commands[0]["client_message_id"] == "long"
    result = ack(again.commands[0], 2)
    client.batch_posted(again.request_id, {"history_id": HISTORY, "results": [result]}, NOW + 2)
    assert take(client, Resolved) == [Resolved("conv_a", "long", 2, HISTORY)]


@pytest.mark.parametrize("code", ["RATE_LIMITED", "UNAVAILABLE", "INTERNAL", "UNAUTHORIZED", "CONVERSATION_BUSY"])
def test_transient_error_is_obeyed_and_the_same_message_sent_again(code: str) -> None:
    client = connected()
    send(client, "a")
    [first] = frames(client)
    client.receive(SOCKET, error(first, code, retryable=code != "UNAUTHORIZED", retry_after=3.0), NOW)
    client.advance(NOW + 3.9)
    assert frames(client) == []
    client.advance(NOW + 4.0)
    [second] = frames(client)
    assert {**second, "id": ""} == {**first, "id": ""}
    assert statuses(client) == {"a": "pending"}


def test_unanswered_command_is_repeated_after_ten_seconds_and_a_jitter() -> None:
    client = connected()
    send(client, "a")
    list(client.outputs())
    client.advance(NOW + 10)
    assert frames(client) == []
    client.advance(NOW + 11)
    assert [frame["client_message_id"] for frame in frames(client)] == ["a"]


def test_online_begins_the_backoffs_of_commands_and_requests_anew() -> None:
    client = connected()
    client.open("conv_a", NOW)
    send(client, "a")
    now = NOW

    def refuse() -> None:
        for command in frames(client):
            client.receive(SOCKET, error(command, "UNAVAILABLE", retryable=True, conversation_id="conv_a"), now)

    for _ in range(6):
        refuse()
        now += 15
        client.advance(now)
    refuse()
    now += 1
    client.advance(now)
    assert frames(client) == []
    client.online(now)
    refuse()
    now += 1
    client.advance(now)
    assert sorted(frame["type"] for frame in frames(client)) == ["message", "subscribe"]


def test_refused_message_holds_the_later_ones_of_its_conversation_only() -> None:
    client = connected()
    send(client, "a", "b")
    client.receive(SOCKET, error(frames(client)[0], "MUTED", retryable=False), NOW)
    outputs = list(client.outputs())
    assert [output.client_message_id for output in outputs if isinstance(output, Refused)] == ["a"]
    assert not any(isinstance(output, SendFrame) for output in outputs)
    send(client, "c", conversation_id="conv_b")
    assert [frame["client_message_id"] for frame in frames(client)] == ["c"]
    assert statuses(client) == {"a": "failed", "b": "pending"}


def test_message_that_a_hook_refuses_is_failed_and_not_repeated() -> None:
    client = connected()
    send(client, "a")
    client.receive(SOCKET, error(frames(client)[0], "REFUSED_BY_HOOK", retryable=False), NOW)
    assert any(isinstance(output, Refused) for output in client.outputs())
    client.advance(NOW + 60)
    assert frames(client, "message") == []
    assert statuses(client) == {"a": "failed"}


def test_failed_message_is_sent_again_by_retry_and_the_later_ones_after_it() -> None:
    client = connected()
    send(client, "a", "b")
    client.receive(SOCKET, error(frames(client)[0], "MUTED", retryable=False), NOW)
    list(client.outputs())
    client.retry("conv_a", "a", NOW)
    [batch] = frames(client)
    assert [command["client_message_id"] for command in batch["commands"]] == ["a", "b"]


def test_discarded_message_is_forgotten_and_the_later_ones_are_sent() -> None:
    client = connected()
    send(client, "a", "b")
    client.receive(SOCKET, error(frames(client)[0], "MUTED", retryable=False), NOW)
    list(client.outputs())
    client.discard("conv_a", "a", NOW)
    outputs = list(client.outputs())
    assert Forget("outbox/0000000000000001") in outputs
    assert [output.frame["client_message_id"] for output in outputs if isinstance(output, SendFrame)] == ["b"]


def test_refused_update_holds_nothing_and_updates_pass_a_failed_message() -> None:
    client = connected()
    send(client, "a")
    client.receive(SOCKET, error(frames(client)[0], "MUTED", retryable=False), NOW)
    client.update("conv_a", "react", 1, {"emoji": "🎉"}, NOW)
    [react] = frames(client, "react")
    client.receive(SOCKET, error(react, "VALIDATION_FAILED", retryable=False), NOW)
    client.update("conv_a", "edit", 1, {"content": "new"}, NOW)
    assert len(frames(client, "edit")) == 1


def test_batch_that_is_refused_as_a_whole_is_sent_one_by_one() -> None:
    client = new_client()
    send(client, "a", "b")
    connect(client)
    [batch] = frames(client, "batch")
    client.receive(SOCKET, error(batch, "TOO_LARGE", retryable=False), NOW)
    assert [frame["client_message_id"] for frame in frames(client)] == ["a"]
    assert statuses(client) == {"a": "pending", "b": "pending"}


def test_edit_of_a_message_without_an_attempt_changes_its_body() -> None:
    client = new_client()
    send(client, "a")
    client.update("conv_a", "edit", "a", {"content": "new"}, NOW)
    connect(client)
    assert [frame["content"] for frame in frames(client, "message")] == ["new"]


def test_deletion_of_a_message_without_an_attempt_sends_nothing() -> None:
    client = new_client()
    send(client, "a")
    client.update("conv_a", "delete", "a", {}, NOW)
    connect(client)
    assert [frame["type"] for frame in frames(client)] == ["hello"]


def test_edit_of_an_attempted_message_waits_for_its_sequence_id() -> None:
    client = connected()
    send(client, "a")
    [message] = frames(client)
    client.update("conv_a", "edit", "a", {"content": "new"}, NOW)
    assert frames(client) == []
    client.receive(SOCKET, ack(message, 7), NOW)
    [edit] = frames(client)
    assert (edit["type"], edit["target"], edit["content"]) == ("edit", 7, "new")


def test_update_of_an_unknown_message_is_an_error() -> None:
    with pytest.raises(KeyError):
        new_client().update("conv_a", "edit", "unknown", {"content": "new"}, NOW)


def test_acknowledged_message_stays_pending_until_it_is_in_the_view() -> None:
    client = connected()
    client.open("conv_a", NOW)
    [subscribe] = frames(client, "subscribe")
    page = {"history_id": HISTORY, "conversation_id": "conv_a", "head": 1, "has_more": False}
    client.receive(SOCKET, {"type": "subscribed", "id": subscribe["id"], **page, "events": [event(1)]}, NOW)
    send(client, "a")
    client.receive(SOCKET, ack(frames(client, "message")[0], 2), NOW)
    assert statuses(client)["a"] == "pending"
    pushed = event(2, sender={"participant_id": "alice"}, client_message_id="a")
    push = {"type": "events", "history_id": HISTORY, "conversation_id": "conv_a", "events": [pushed]}
    client.receive(SOCKET, push, NOW)
    assert statuses(client)["a"] == "sent"


def test_acknowledgement_of_an_older_history_resolves_nothing() -> None:
    client = connected()
    send(client, "a")
    [message] = frames(client)
    client.receive(SOCKET, ack(message, 2, "0.conversations"), NOW)
    assert take(client, Resolved) == []
    assert statuses(client) == {"a": "pending"}


def test_update_of_a_message_is_not_sent_into_another_history() -> None:
    client = new_client({"history": {"history_id": "0.conversations"}})
    client.update("conv_a", "edit", 7, {"content": "new"}, NOW)
    client.send("conv_a", "reply", {"content": "yes", "reply_to": 7}, NOW)
    connect(client)
    assert [frame["type"] for frame in frames(client)] == ["hello"]
    assert statuses(client) == {"reply": "failed"}


def test_commands_with_sequence_ids_name_their_history() -> None:
    client = connected()
    client.update("conv_a", "edit", 7, {"content": "new"}, NOW)
    client.update("conv_b", "delete", 7, {}, NOW)
    client.send("conv_c", "reply", {"content": "yes", "reply_to": 7}, NOW)
    client.send("conv_d", "plain", {"content": "no"}, NOW)
    named = {frame["conversation_id"]: frame.get("history_id") for frame in frames(client)}
    assert named == {"conv_a": HISTORY, "conv_b": HISTORY, "conv_c": HISTORY, "conv_d": None}


def test_command_that_the_newer_history_refused_is_not_repeated() -> None:
    client = connected()
    client.update("conv_a", "delete", 7, {}, NOW)
    [command] = frames(client, "delete")
    refusal = error(command, "POSITION_UNKNOWN", retryable=False, history_id="2.conversations")
    client.receive(SOCKET, refusal, NOW)
    client.advance(NOW + 60)
    assert frames(client, "delete") == []


def test_first_history_refuses_what_another_one_numbered_and_sends_the_rest() -> None:
    former = new_client({"history": {"history_id": "0.conversations"}})
    former.send("conv_a", "old", {"content": "yes", "reply_to": 7}, NOW)
    stored = {save.key: save.value for save in take(former, Save) if save.key.startswith("outbox/")}
    client = new_client(stored)
    client.send("conv_b", "new", {"content": "yes", "reply_to": 7}, NOW)
    connect(client)
    assert [frame["client_message_id"] for frame in frames(client, "message")] == ["new"]
    assert [message.status for message in client.messages("conv_a")] == ["failed"]


def test_items_from_before_any_history_are_sent_into_the_first_one_and_into_no_other() -> None:
    client = new_client()
    client.update("conv_a", "edit", 7, {"content": "new"}, NOW)
    client.send("conv_b", "reply", {"content": "yes", "reply_to": 7}, NOW)
    connect(client)
    [batch] = frames(client, "batch")
    named = [(command["type"], command.get("history_id")) for command in batch["commands"]]
    assert named == [("edit", HISTORY), ("message", HISTORY)]
    client.receive(SOCKET, {"type": "pong", "history_id": "2.conversations"}, NOW)
    assert statuses(client, "conv_b") == {"reply": "failed"}
    client.retry("conv_b", "reply", NOW)
    assert frames(client) == []


def test_send_of_an_acknowledged_message_that_is_not_in_the_view_is_resolved() -> None:
    client = connected()
    client.open("conv_a", NOW)
    send(client, "a")
    [message] = frames(client, "message")
    client.receive(SOCKET, ack(message, 2), NOW)
    first = take(client, Resolved)
    send(client, "a")
    assert take(client, Resolved) == first == [Resolved("conv_a", "a", 2, HISTORY)]


def test_send_of_a_deleted_message_ends_with_an_error() -> None:
    client = new_client()
    send(client, "a")
    client.update("conv_a", "delete", "a", {}, NOW)
    assert take(client, Withdrawn) == [Withdrawn("conv_a", "a")]


def test_acknowledgement_without_a_history_resolves_nothing() -> None:
    client = connected(history_id=None)
    send(client, "a")
    [message] = frames(client, "message")
    client.receive(SOCKET, ack(message, 2, "") | {"history_id": None}, NOW)
    assert take(client, Resolved) == []


def test_stored_outbox_of_another_participant_is_deleted_unsent() -> None:
    former = new_client({"participant": {"participant_id": "bob"}})
    send(former, "a")
    connect(former)
    outputs = list(former.outputs())
    assert [output.frame["type"] for output in outputs if isinstance(output, SendFrame)] == ["hello"]
    assert Forget("outbox/0000000000000001") in outputs


def test_text_that_no_frame_can_carry_is_an_error_of_the_call() -> None:
    client = connected()
    with pytest.raises(UnicodeEncodeError):
        client.send("conv_a", "a", {"content": "\ud800"}, NOW)
    assert list(client.outputs()) == []


def test_message_leaves_the_storage_before_it_is_resolved() -> None:
    client = connected()
    send(client, "a")
    client.receive(SOCKET, ack(frames(client)[0], 2), NOW)
    kinds = [type(output) for output in client.outputs() if isinstance(output, Forget | Resolved)]
    assert kinds == [Forget, Resolved]


def test_stored_update_of_a_message_that_left_the_storage_is_deleted() -> None:
    client = new_client()
    send(client, "a")
    [first] = take(client, Save)
    client.update("conv_a", "react", "a", {"emoji": "🎉"}, NOW)
    [react] = take(client, Save)
    assert take(new_client({first.key: first.value, react.key: react.value}), Forget) == []
    assert take(new_client({react.key: react.value}), Forget) == [Forget(react.key)]


def test_send_of_a_failed_message_is_refused_again_and_sends_nothing() -> None:
    client = connected()
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    client.receive(SOCKET, error(message, "MUTED", retryable=False), NOW)
    assert [refused.client_message_id for refused in take(client, Refused)] == ["k"]
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    outputs = list(client.outputs())
    assert [output.error["code"] for output in outputs if isinstance(output, Refused)] == ["MUTED"]
    assert not any(isinstance(output, SendFrame) for output in outputs)


@pytest.mark.parametrize("code", ["NOT_ACCEPTED", "BLOCKED"])
def test_message_to_a_participant_who_has_not_accepted_fails_until_it_is_retried(code: str) -> None:
    client = connected()
    client.send("conv_a", "k", {"content": "hi"}, NOW)
    [message] = frames(client, "message")
    client.receive(SOCKET, error(message, code, retryable=False), NOW)
    assert [message.status for message in client.messages("conv_a")] == ["failed"]
    client.advance(NOW + 5)
    assert frames(client, "message") == []
    client.retry("conv_a", "k", NOW + 5)
    [again] = frames(client, "message")
    assert (again["client_message_id"], again["content"]) == ("k", "hi")
