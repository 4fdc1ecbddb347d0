"""Messages, edits and batches with a hook: the fields that it sees, and the events that are committed."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.kernel.errors import (
    Forbidden,
    Muted,
    NotFound,
    RateLimited,
    RefusedByHook,
    Unavailable,
    ValidationFailed,
)
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.model.actors import Principal, Service
from chalicelib.core.protocol.requests import EditMessage, SendMessage, SendSystemMessage, UpdateParticipant
from tests.support.app_harness import AppHarness, principal
from tests.support.hooks import ALLOW, FakeHook, change, refuse

MASKED = change(content="***")


@pytest.fixture
def hook() -> FakeHook:
    return FakeHook()


@pytest.fixture
def chat(hook: FakeHook) -> AppHarness:
    return AppHarness(hook=hook)


@pytest.fixture
def conversation(chat: AppHarness, hook: FakeHook) -> str:
    created = chat.create_conversation("alice", "bob")
    hook.calls.clear()
    return created


def contents(chat: AppHarness, conversation: str) -> list[Any]:
    return [event["content"] for event in chat.events(conversation) if event["type"] == "message"]


def test_hook_sees_the_message_and_its_sender(chat: AppHarness, hook: FakeHook, conversation: str) -> None:
    chat.send_message("alice", conversation, "hi", mentions=["bob"], metadata={"k": 1}, client_message_id="1")
    sender = {"participant_id": "alice", "name": "alice", "type": "human"}
    assert hook.calls == [
        [
            {
                "type": "message",
                "conversation_id": conversation,
                "sender": sender,
                "content": "hi",
                "mentions": ["bob"],
                "metadata": {"k": 1},
            }
        ]
    ]


def test_changed_content_is_in_the_log_and_in_the_acknowledgement(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    hook.decide = lambda _: change(content="***", mentions=["bob"], metadata=None)
    chat.connect("c1", "alice", conversation)
    message = {"conversation_id": conversation, "client_message_id": "1", "content": "damn", "metadata": {"a": 1}}
    (ack,) = chat.send_frame("c1", type="message", **message)
    (stored,) = [event for event in chat.events(conversation) if event["type"] == "message"]
    assert (stored["content"], stored["mentions"], "metadata" in stored) == ("***", ["bob"], False)
    assert ack["stored"] == stored
    assert chat.posted("c1", "events")[-1]["events"] == [stored]


@pytest.mark.parametrize("removal", [None, {}], ids=["null", "an empty object"])
def test_metadata_is_removed(chat: AppHarness, hook: FakeHook, conversation: str, removal: Any) -> None:
    hook.decide = lambda _: change(metadata=removal, mentions=[], reply_to=None)
    target = chat.send_message("alice", conversation, "first")
    fields = {"metadata": {"a": 1}, "mentions": ["bob"], "reply_to": target}
    chat.send_message("alice", conversation, "hi", **fields)
    assert {"metadata", "mentions", "reply_to"} & chat.events(conversation)[-1].keys() == set()


def test_acknowledgement_of_an_allowed_message_has_no_content(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    chat.connect("c1", "alice")
    (ack,) = chat.send_frame(
        "c1", type="message", conversation_id=conversation, client_message_id="1", content="hi"
    )
    assert ack["type"] == "message_ack"
    assert "stored" not in ack


def test_refused_message_is_not_in_the_log(chat: AppHarness, hook: FakeHook, conversation: str) -> None:
    hook.decide = lambda _: refuse("No links, please.")
    with pytest.raises(RefusedByHook, match=r"^No links, please\.$") as refused:
        chat.send_message("alice", conversation, "http://x")
    assert not refused.value.retryable
    assert contents(chat, conversation) == []


@pytest.mark.parametrize(("reason", "shown"), [(None, RefusedByHook.default_message), ("x" * 300, "x" * 200)])
def test_reason_is_optional_and_short(
    chat: AppHarness, hook: FakeHook, conversation: str, reason: str | None, shown: str
) -> None:
    hook.decide = lambda _: refuse(reason)
    with pytest.raises(RefusedByHook) as refused:
        chat.send_message("alice", conversation)
    assert refused.value.message == shown


def test_repeat_of_an_accepted_message_gets_the_first_answer(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    hook.decide = lambda _: MASKED
    first = chat.send_message("alice", conversation, "damn", client_message_id="1")
    hook.decide = lambda _: refuse()
    chat.connect("c1", "alice")
    message = {"conversation_id": conversation, "client_message_id": "1", "content": "damn"}
    (ack,) = chat.send_frame("c1", type="message", **message)
    (result,) = chat.send_frame("c1", type="batch", commands=[{"type": "message", **message}])
    assert [ack["sequence_id"], result["results"][0]["sequence_id"]] == [first, first]
    assert [found["stored"]["content"] for found in (ack, result["results"][0])] == ["***", "***"]
    assert len(hook.calls) == 1


@pytest.mark.parametrize("is_batch", [False, True], ids=["alone", "in a batch"])
def test_concurrent_repeat_that_is_refused_gets_the_first_answer(
    chat: AppHarness, hook: FakeHook, conversation: str, is_batch: bool
) -> None:
    def refuse_after_another_was_allowed(_: Any) -> Any:
        hook.decide = lambda _: MASKED
        chat.send_message("alice", conversation, "damn", client_message_id="1")
        return refuse()

    hook.decide = refuse_after_another_was_allowed
    sent = {"conversation_id": conversation, "client_message_id": "1", "content": "damn"}
    chat.connect("c1", "alice")
    if is_batch:
        (reply,) = chat.send_frame("c1", type="batch", commands=[{"type": "message", **sent}])
        (reply,) = reply["results"]
    else:
        (reply,) = chat.send_frame("c1", type="message", **sent)
    assert (reply["duplicate"], reply["stored"]["content"]) == (True, "***")
    assert contents(chat, conversation) == ["***"]


def test_concurrent_repeats_that_are_changed_differently_are_one_event(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    def change_after_another_was_committed(_: Any) -> Any:
        hook.decide = lambda _: change(content="first")
        chat.send_message("alice", conversation, "damn", client_message_id="1")
        return change(content="second")

    hook.decide = change_after_another_was_committed
    message = SendMessage(content="damn", client_message_id="1")
    sent = chat.chat.messaging.sender.send(principal("alice"), conversation, message)
    assert (sent.duplicate, sent.event["content"]) == (True, "first")
    assert contents(chat, conversation) == ["first"]


def test_messages_of_services_are_exempt_and_those_for_participants_are_not(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    hook.decide = lambda _: refuse()
    sender = chat.chat.messaging.sender
    system = SendSystemMessage(content="maintenance", client_message_id="1")
    sender.send(Service("backend").as_principal(), conversation, system)
    assert hook.calls == []
    with pytest.raises(RefusedByHook):
        sender.send(Principal("alice", None, service="backend"), conversation, SendMessage(content="hi"))
    (action,) = hook.actions
    assert action["sender"] == {"participant_id": "alice", "name": "alice", "type": "human", "via": "service"}


def test_hook_is_not_asked_about_what_is_refused_anyway(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    sender = chat.chat.messaging.sender
    with pytest.raises(NotFound):
        sender.send(principal("mallory"), conversation, SendMessage(content="hi"))
    with pytest.raises(ValidationFailed):
        sender.send(principal("alice"), conversation, SendMessage(content="hi", mentions=["mallory"]))
    chat.chat.conversations.moderation.update(
        principal("alice"), conversation, "bob", UpdateParticipant(muted_for=60)
    )
    with pytest.raises(Muted):
        sender.send(principal("bob"), conversation, SendMessage(content="hi"))
    chat.connect("c1", "bob")
    outside = chat.create_conversation("carol")
    hook.calls.clear()
    commands = [
        {"type": "message", "conversation_id": name, "client_message_id": "1", "content": "hi"}
        for name in (conversation, outside, "nonsense")
    ]
    (result,) = chat.send_frame("c1", type="batch", commands=commands)
    codes = [found["code"] for found in result["results"]]
    assert codes == ["MUTED", "NOT_FOUND", "NOT_FOUND"]
    assert hook.calls == []


def test_rate_limit_comes_before_the_hook(hook: FakeHook) -> None:
    chat = AppHarness({"CHAT_LIMIT_MESSAGE_BURST": "24"}, hook=hook)
    conversation = chat.create_conversation("alice")
    hook.calls.clear()
    with pytest.raises(RateLimited):
        for _ in range(50):
            chat.send_message("alice", conversation)
    assert len(hook.calls) == len(contents(chat, conversation)) < 50


@pytest.mark.parametrize(
    "response",
    [
        "allow",
        {"answers": []},
        {"answers": [ALLOW, ALLOW]},
        {"answers": ["allow"]},
        {"answers": [{"decision": "maybe"}]},
        {"answers": [{"decision": ["allow"]}]},
        {"answers": [{"decision": "allow", "content": "***"}]},
        {"answers": [{"decision": "refuse", "reason": 7}]},
        {"answers": [{"decision": "refuse", "reason": "\x00"}]},
        {"answers": [{"decision": "change"}]},
        {"answers": [change(content="")]},
        {"answers": [change(content=7)]},
        {"answers": [change(content="x" * 100_000)]},
        {"answers": [change(sender="bob")]},
        {"answers": [change(conversation_id="conv_x")]},
        {"answers": [change(mentions=["mallory"])]},
        {"answers": [change(reply_to=99)]},
        {"errorType": "KeyError", "errorMessage": "damn"},
    ],
    ids=str,
)
def test_invalid_answer_is_a_failure(response: Any, hook: FakeHook, caplog: pytest.LogCaptureFixture) -> None:
    for policy in ("allow", "refuse"):
        chat = AppHarness({"CHAT_HOOK_FAILURE": policy}, hook=hook)
        hook.response = None
        conversation = chat.create_conversation("alice", "bob")
        hook.response = response
        if policy == "allow":
            chat.send_message("alice", conversation, "damn")
            assert contents(chat, conversation) == ["damn"]
        else:
            with pytest.raises(Unavailable) as failed:
                chat.send_message("alice", conversation, "damn")
            assert failed.value.retryable
            assert failed.value.retry_after is not None
            assert contents(chat, conversation) == []
        assert chat.observer.sums()[Metric.HOOK_FAILURES] == 1
    assert "the hook failed" in caplog.text
    assert not {"damn", "mallory"} & set(caplog.text.replace("'", " ").split())


def test_failure_to_answer_allows_by_default(chat: AppHarness, hook: FakeHook, conversation: str) -> None:
    hook.fails = True
    chat.send_message("alice", conversation, "hi")
    assert contents(chat, conversation) == ["hi"]


# ---- edits -------------------------------------------------------------------------------------------------


def edit(chat: AppHarness, conversation: str, target: int, **fields: Any) -> Any:
    return chat.chat.messaging.updates.edit(principal("alice"), conversation, target, EditMessage(**fields))


def test_edit_is_asked_about_and_changed(chat: AppHarness, hook: FakeHook, conversation: str) -> None:
    target = chat.send_message("alice", conversation, "hi")
    hook.calls.clear()
    hook.decide = lambda _: change(content="***", mentions=["bob"])
    updated = edit(chat, conversation, target, content="damn")
    assert hook.actions == [
        {
            "type": "edit",
            "conversation_id": conversation,
            "target": target,
            "sender": {"participant_id": "alice", "name": "alice", "type": "human"},
            "content": "damn",
        }
    ]
    assert (updated.message["content"], updated.message["mentions"]) == ("***", ["bob"])
    assert chat.events(conversation)[-1]["content"] == "***"
    chat.connect("c1", "alice")
    (ack,) = chat.send_frame("c1", type="edit", conversation_id=conversation, target=target, content="damn again")
    assert (ack["sequence_id"], ack["stored"]["content"]) == (updated.sequence_id, "***"), "nothing changed"


def test_edit_with_changes_that_the_author_could_not_make_is_a_failure(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    target = chat.send_message("alice", conversation, "hi")
    hook.decide = lambda _: change(mentions=["mallory"])
    assert edit(chat, conversation, target, content="as it was").message["content"] == "as it was"


def test_edit_is_refused(chat: AppHarness, hook: FakeHook, conversation: str) -> None:
    target = chat.send_message("alice", conversation, "hi")
    hook.decide = lambda _: refuse()
    with pytest.raises(RefusedByHook):
        edit(chat, conversation, target, content="damn")
    assert chat.head(conversation).sequence_id == target


def test_hook_is_not_asked_about_edits_that_are_refused_or_change_nothing(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    target = chat.send_message("bob", conversation, "hi")
    own = chat.send_message("alice", conversation, "hi")
    hook.calls.clear()
    with pytest.raises(Forbidden):
        edit(chat, conversation, target, content="damn")
    edit(chat, conversation, own, content="hi")
    assert hook.calls == []


def test_hook_is_asked_once_about_an_edit_that_is_planned_again(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    target = chat.send_message("alice", conversation, "hi")
    hook.calls.clear()

    def decide(action: Any) -> Any:
        if action["type"] == "edit":
            chat.send_message("bob", conversation, "meanwhile")
        return MASKED

    hook.decide = decide
    assert edit(chat, conversation, target, content="damn").message["content"] == "***"
    assert [action["type"] for action in hook.actions] == ["edit", "message"]


@pytest.mark.parametrize("leaves", [True, False])
def test_participant_whom_the_hook_mentions_in_an_edit_is_mentioned_unless_they_leave_meanwhile(
    chat: AppHarness, hook: FakeHook, conversation: str, leaves: bool
) -> None:
    target = chat.send_message("alice", conversation, "hi")
    chat.chat.conversations.members.join(principal("carol"), conversation)

    def decide(_: Any) -> Any:
        hook.decide = lambda _: ALLOW
        chat.send_message("bob", conversation, "meanwhile")  # so the edit is planned again
        if leaves:
            leave = chat.chat.conversations.members.leave
            chat.gather.between(lambda: leave(principal("carol"), conversation))
        return change(mentions=["bob", "carol"])

    hook.decide = decide
    mentions = edit(chat, conversation, target, content="damn").message["mentions"]
    assert mentions == (["bob"] if leaves else ["bob", "carol"])
    assert chat.events(conversation)[-1]["mentions"] == mentions


@pytest.mark.parametrize("keeps", [True, False])
def test_mention_of_the_author_who_leaves_while_the_hook_is_asked_is_an_error_unless_the_hook_removes_it(
    chat: AppHarness, hook: FakeHook, conversation: str, keeps: bool
) -> None:
    target = chat.send_message("alice", conversation, "hi")

    def decide(_: Any) -> Any:
        chat.chat.conversations.members.leave(principal("bob"), conversation)
        return change(content="***") if keeps else change(mentions=[])

    hook.decide = decide
    if keeps:
        with pytest.raises(ValidationFailed):
            edit(chat, conversation, target, content="damn", mentions=["bob"])
        return
    assert "mentions" not in edit(chat, conversation, target, content="damn", mentions=["bob"]).message


# ---- batches -----------------------------------------------------------------------------------------------


def execute(chat: AppHarness, *commands: dict[str, Any]) -> list[Any]:
    frame = {"type": "batch", "commands": list(commands)}
    chat.connect("batch", "alice")
    (reply,) = chat.send_frame("batch", **frame)
    return [result.get("code", result["type"]) for result in reply["results"]]


def message(conversation: str, client_id: str, content: str = "hi") -> dict[str, Any]:
    return {
        "type": "message",
        "conversation_id": conversation,
        "client_message_id": client_id,
        "content": content,
    }


def test_batch_is_one_call(chat: AppHarness, hook: FakeHook, conversation: str) -> None:
    target = chat.send_message("alice", conversation, "hi")
    second = chat.create_conversation("alice")
    hook.calls.clear()
    hook.decide = lambda action: refuse() if action["content"] == "no" else change(content="***")
    outcomes = execute(
        chat,
        message(conversation, "1", "damn"),
        {"type": "read", "conversation_id": conversation, "sequence_id": 1},
        {"type": "edit", "conversation_id": conversation, "target": target, "content": "damn"},
        message(conversation, "2", "no"),
        message(conversation, "3"),
        message(second, "1"),
        message(second, "1"),
    )
    assert outcomes == [
        "message_ack",
        "read_ack",
        "ack",
        "REFUSED_BY_HOOK",
        "NOT_ATTEMPTED",
        "message_ack",
        "message_ack",
    ]
    assert [[action["type"] for action in call] for call in hook.calls] == [
        ["message", "edit", "message", "message", "message"]
    ], "one call, and each message once"
    assert contents(chat, conversation) == ["hi", "***"]
    assert contents(chat, second) == ["***"]


@pytest.mark.parametrize("kind", ["message", "edit"])
def test_part_of_a_batch_that_the_hook_was_not_asked_about_is_not_committed(
    chat: AppHarness, hook: FakeHook, conversation: str, kind: str
) -> None:
    """Bob's mute ends, and he joins another conversation, while the hook is asked about a third one."""
    moderation, other = chat.chat.conversations.moderation, chat.create_conversation("alice")
    third = chat.create_conversation("alice", "bob")
    target = chat.send_message("bob", conversation, "before", client_message_id="0")
    moderation.update(principal("alice"), conversation, "bob", UpdateParticipant(muted_for=60))
    hook.calls.clear()

    def decide(_: Any) -> Any:
        moderation.update(principal("alice"), conversation, "bob", UpdateParticipant(muted_for=0))
        chat.chat.conversations.members.join(principal("bob"), other)
        return MASKED

    hook.decide = decide
    chat.connect("c1", "bob")
    edit_command = {"type": "edit", "conversation_id": conversation, "target": target, "content": "damn"}
    commands = [
        message(conversation, "0", "before"),
        message(conversation, "1", "damn") if kind == "message" else edit_command,
        message(other, "1", "damn"),
        message(third, "1", "damn"),
    ]
    (reply,) = chat.send_frame("c1", type="batch", commands=commands)
    outcomes = [result.get("code", result["type"]) for result in reply["results"]]
    assert outcomes == ["message_ack", "MUTED", "NOT_FOUND", "message_ack"]
    assert "damn" not in str([chat.events(name) for name in (conversation, other, third)])


def test_results_of_a_batch_have_what_was_changed(chat: AppHarness, hook: FakeHook, conversation: str) -> None:
    target = chat.send_message("alice", conversation, "hi")
    hook.decide = lambda action: change(content="***") if action["content"] == "damn" else ALLOW
    edited = {"type": "edit", "conversation_id": conversation, "target": target, "content": "damn"}
    chat.connect("c1", "alice")
    commands = [message(conversation, "1", "damn"), message(conversation, "2", "fine"), edited]
    (reply,) = chat.send_frame("c1", type="batch", commands=commands)
    stored = [result.get("stored", {}).get("content") for result in reply["results"]]
    assert stored == ["***", None, "***"]


def test_batch_without_messages_asks_nothing(chat: AppHarness, hook: FakeHook, conversation: str) -> None:
    read = {"type": "read", "conversation_id": conversation, "sequence_id": 1}
    assert execute(chat, read) == ["read_ack"]
    assert hook.calls == []


def test_one_invalid_answer_of_a_batch_fails_alone(hook: FakeHook) -> None:
    chat = AppHarness({"CHAT_HOOK_FAILURE": "refuse"}, hook=hook)
    conversation, second = chat.create_conversation("alice"), chat.create_conversation("alice")
    hook.decide = lambda action: "?" if action["conversation_id"] == conversation else MASKED
    assert execute(chat, message(conversation, "1"), message(second, "1")) == ["UNAVAILABLE", "message_ack"]


def test_batch_of_an_edit_of_the_own_message_keeps_its_other_fields(
    chat: AppHarness, hook: FakeHook, conversation: str
) -> None:
    target = chat.send_message("alice", conversation, "hi", metadata={"a": 1})
    hook.decide = lambda _: MASKED
    edit_command = {"type": "edit", "conversation_id": conversation, "target": target, "content": "damn"}
    assert execute(chat, edit_command) == ["ack"]
    assert chat.events(conversation)[-1]["content"] == "***"
    assert "metadata" not in chat.events(conversation)[-1]
