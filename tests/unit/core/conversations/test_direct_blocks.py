"""Blocks in direct conversations: the blocked participant cannot recognise them, and the blocker sees nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from chalicelib.core.kernel.errors import Blocked
from chalicelib.core.protocol.queries import PageQuery
from chalicelib.core.protocol.requests import SendMessage
from tests.support.app_harness import AppHarness, principal
from tests.support.fakes import FakeJobQueue
from tests.unit.core.conversations.test_directs import (
    ALICE,
    BOB,
    CONSENT,
    erase,
    listed,
    open_direct,
    pending_of,
)


def block(harness: AppHarness, blocker: str, participant_id: str) -> None:
    result = harness.chat.conversations.blocks.block(principal(blocker), participant_id)
    harness.chat.realtime.fan_out.deliver(result.pushes, within=5)


def unblock(harness: AppHarness, blocker: str, participant_id: str) -> None:
    result = harness.chat.conversations.blocks.unblock(principal(blocker), participant_id)
    harness.chat.realtime.fan_out.deliver(result.pushes, within=5)


def send(harness: AppHarness, sender: str, chat: str, content: str) -> None:
    sent = harness.chat.messaging.sender.send(principal(sender), chat, SendMessage(content=content))
    harness.chat.realtime.fan_out.deliver(harness.chat.messaging.sender.pushes(sent), within=5)


def scene() -> tuple[AppHarness, str]:
    harness = AppHarness()
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    for name in ("alice", "bob"):
        harness.connect(f"{name}=", name, chat)
    harness.poster.posts.clear()
    return harness, chat


def shown_to_alice(harness: AppHarness, chat: str) -> object:
    view = harness.chat.conversations.views.view(chat, ALICE, messages=True)
    return view, harness.events(chat), harness.posted("alice=")


def online(harness: AppHarness, chat: str, viewer: str) -> dict[str, bool]:
    view = harness.chat.conversations.views.view(chat, principal(viewer))
    return {member["participant_id"]: member["online"] for member in view["participants"]}


def test_pong_of_the_blocker_names_no_head() -> None:
    harness, chat = scene()

    def heads(connection_id: str) -> dict[str, int]:
        (pong,) = harness.send_frame(connection_id, type="ping", heads={chat: 1})
        return dict(pong["heads"])

    send(harness, "alice", chat, "hello?")
    assert heads("bob=") == heads("alice=") == {chat: 2}
    block(harness, "bob", "alice")
    send(harness, "alice", chat, "hello?!")
    assert (heads("bob="), heads("alice=")) == ({}, {chat: 3})
    unblock(harness, "bob", "alice")
    assert heads("bob=") == {chat: 3}


def test_blocker_receives_no_push_and_finds_it_hidden_and_looks_offline() -> None:
    harness, chat = scene()
    block(harness, "bob", "alice")
    (frame,) = harness.posted("alice=")
    assert (frame["type"], frame["participant"]["participant_id"], frame["online"]) == ("presence", "bob", False)
    harness.poster.posts.clear()
    send(harness, "alice", chat, "hello?")
    harness.send_frame("alice=", type="typing", conversation_id=chat, is_typing=True)
    harness.send_frame("alice=", type="read", conversation_id=chat, sequence_id=2)
    assert harness.posted("bob=") == []
    assert [frame["events"][0]["content"] for frame in harness.posted("alice=", "events")] == ["hello?"]
    assert listed(harness, "bob") == []
    assert listed(harness, "alice") == [chat]
    assert online(harness, chat, "alice") == {"alice": True, "bob": False}
    harness.poster.posts.clear()
    harness.send_frame("bob=", type="typing", conversation_id=chat, is_typing=True)
    harness.send_frame("bob=", type="unsubscribe", conversation_id=chat)
    harness.send_frame("bob=", type="subscribe", conversation_id=chat)
    assert harness.posted("alice=") == [], "nothing shows that the blocker is there"


@pytest.mark.parametrize("returns", [False, True], ids=["away", "back"])
def test_blocker_who_disconnected_right_before_looks_offline(returns: bool) -> None:
    """The push of the disconnect is pending while the block is set."""
    queue = FakeJobQueue()
    harness = AppHarness(queue=queue)
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    for name in ("alice", "bob"):
        harness.connect(f"{name}=", name, chat)
    pushes = harness.chat.sessions.connections.close("bob=")
    harness.chat.realtime.fan_out.deliver(pushes, within=5)
    block(harness, "bob", "alice")
    if returns:
        harness.connect("bob2=", "bob", chat)
    harness.clock.advance(harness.chat.runtime.timing.presence_debounce)
    for job, _ in queue.sent:
        harness.chat.privacy.jobs.run(job, 5)
    assert [frame["online"] for frame in harness.posted("alice=", "presence")] == [True, False]


@pytest.mark.parametrize("act", ["read", "edit", "react"])
def test_blocker_shows_nothing_to_the_blocked_participant(act: str) -> None:
    harness, chat = scene()
    own = harness.send_message("bob", chat, "mine")
    send(harness, "alice", chat, "yours")
    block(harness, "bob", "alice")
    before = shown_to_alice(harness, chat)
    command: dict[str, object] = {"target": own, "emoji": "👎"}
    if act != "react":
        command = {"sequence_id": own + 1} if act == "read" else {"target": own, "content": "!"}
    (reply,) = harness.send_frame("bob=", type=act, conversation_id=chat, **command)
    assert (reply["type"], reply["code"], reply["retryable"]) == ("error", "BLOCKED", False)
    assert shown_to_alice(harness, chat) == before
    unblock(harness, "bob", "alice")
    (reply,) = harness.send_frame("bob=", type=act, conversation_id=chat, **command)
    assert reply["type"] != "error"


def test_blocker_can_delete_what_they_have_written() -> None:
    harness, chat = scene()
    own = harness.send_message("bob", chat, "mine")
    harness.send_frame("bob=", type="react", conversation_id=chat, target=own, emoji="👍")
    block(harness, "bob", "alice")
    for command in ("unreact", "delete"):
        fields = {"emoji": "👍"} if command == "unreact" else {}
        (reply,) = harness.send_frame("bob=", type=command, conversation_id=chat, target=own, **fields)
        assert reply["type"] == "ack"


def test_blocker_can_neither_send_nor_open_until_the_block_is_lifted() -> None:
    harness, chat = scene()
    block(harness, "bob", "alice")
    with pytest.raises(Blocked):
        harness.send_message("bob", chat, "no")
    with pytest.raises(Blocked):
        open_direct(harness, "bob", "alice")
    send(harness, "alice", chat, "one")
    unblock(harness, "bob", "alice")
    (frame,) = harness.posted("alice=", "presence")[1:]
    assert frame["online"] is True
    assert listed(harness, "bob") == [chat], "with all messages"
    send(harness, "alice", chat, "two")
    assert [frame["events"][0]["content"] for frame in harness.posted("bob=", "events")] == ["two"]
    harness.send_message("bob", chat, "again")


def test_block_without_a_conversation_and_repeated_ones_cause_no_push() -> None:
    harness, chat = scene()
    block(harness, "bob", "carol")
    unblock(harness, "bob", "alice")
    block(harness, "bob", "alice")
    block(harness, "bob", "alice")
    assert len(harness.posted("alice=")) == 1
    unblock(harness, "bob", "alice")
    unblock(harness, "bob", "alice")
    assert len(harness.posted("alice=")) == 2
    assert harness.head(chat).blockers == frozenset()


def test_block_of_someone_whose_conversation_was_purged() -> None:
    harness, chat = scene()
    harness.store.delete_item(TableName="conversations", Key={"pk": {"S": f"C#{chat}"}, "sk": {"S": "HEAD"}})
    block(harness, "bob", "alice")
    assert open_direct(harness, "alice", "bob")[1]["pending"]
    unblock(harness, "bob", "alice")


def test_conversation_that_was_opened_despite_a_block_can_be_accepted_after_it() -> None:
    harness = AppHarness()
    block(harness, "bob", "alice")
    chat = open_direct(harness, "alice", "bob")[1]["conversation_id"]
    assert pending_of(harness, "bob") == []
    with pytest.raises(Blocked):
        open_direct(harness, "bob", "alice")
    unblock(harness, "bob", "alice")
    assert harness.head(chat).blockers == frozenset()
    assert open_direct(harness, "bob", "alice")[1]["conversation_id"] == chat
    assert listed(harness, "bob") == [chat]


def test_erasure_of_the_blocker_removes_them_from_the_head() -> None:
    harness, chat = scene()
    block(harness, "bob", "alice")
    erase(harness, "bob")
    assert harness.head(chat).blockers == frozenset()


# ---- the observer --------------------------------------------------------------------------------------


def nothing(_harness: AppHarness, _chat: str) -> None:
    """Bob has not answered."""


def declined(harness: AppHarness, chat: str) -> None:
    harness.chat.conversations.members.leave(BOB, chat)


def blocked(harness: AppHarness, _chat: str) -> None:
    block(harness, "bob", "alice")


def blocked_before(_harness: AppHarness, _chat: str) -> None:
    """Bob has blocked alice before she opened the conversation."""


ANSWERS = (nothing, declined, blocked, blocked_before)


def observed(answer: Callable[[AppHarness, str], None]) -> str:
    """Return everything that alice is shown after an answer of bob."""
    harness = AppHarness(CONSENT)
    harness.connect("bob=", "bob")
    harness.connect("alice=", "alice")
    if answer is blocked_before:
        block(harness, "bob", "alice")
    shown: list[object] = [open_direct(harness, "alice", "bob")]
    chat = str(shown[0][1]["conversation_id"])  # type: ignore[index]
    answer(harness, chat)
    harness.send_frame("alice=", type="subscribe", conversation_id=chat)
    shown += [open_direct(harness, "alice", "bob")]
    for content in ("first", "second"):
        try:
            send(harness, "alice", chat, content)
        except Exception as error:  # noqa: BLE001 — its text is compared
            shown.append(repr(error))
    shown.append(harness.chat.conversations.views.view(chat, ALICE, messages=True))
    shown.append(listed(harness, "alice"))
    try:
        shown.append(harness.chat.conversations.pending.list_in(ALICE, chat, PageQuery()))
    except Exception as error:  # noqa: BLE001
        shown.append(repr(error))
    frames = [frame for frame in harness.posted("alice=") if frame["type"] not in ("welcome", "pong")]
    text = json.dumps([shown, frames], sort_keys=True).replace(chat, "CHAT")
    return re.sub("msg_[A-Za-z0-9_-]+", "MESSAGE", text)


def test_opener_cannot_distinguish_the_answers_of_the_other() -> None:
    texts = {answer.__name__: observed(answer) for answer in ANSWERS}
    assert len(set(texts.values())) == 1, json.dumps(texts, indent=1)


def test_without_consent_a_block_looks_like_a_full_list() -> None:
    """With the setting `anyone`, `pending` says only that one of the causes holds."""
    shown = []
    for cause in ("block", "cap"):
        harness = AppHarness({"CHAT_LIMIT_ADDED_CONVERSATIONS": "1"})
        if cause == "block":
            block(harness, "bob", "alice")
        else:
            harness.create_conversation("carol", "bob")
        answer = open_direct(harness, "alice", "bob")
        shown.append(json.dumps(answer).replace(str(answer[1]["conversation_id"]), "CHAT"))
    assert shown[0] == shown[1]
