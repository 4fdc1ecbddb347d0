"""A store that fails while changes of the hook are checked: the action is not committed as it was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.awshttp import NoResponse
from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.kernel.metrics import Metric
from chalicelib.core.protocol.requests import EditMessage
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness, principal
from tests.support.hooks import ALLOW, FakeHook, change


class Engine(MemoryEngine):
    """A store that does not answer the next batch of reads, if it is to."""

    fails = False

    def batch_get_item(self, **arguments: Any) -> Any:
        """Read items. Raises NoResponse."""
        fails, self.fails = self.fails, False
        if fails:
            raise NoResponse
        return super().batch_get_item(**arguments)


Act = Callable[[AppHarness, str, int], Any]


def send(chat: AppHarness, conversation: str, _: int) -> Any:
    return chat.send_message("alice", conversation, "damn")


def edit(chat: AppHarness, conversation: str, target: int) -> Any:
    return chat.chat.messaging.updates.edit(principal("alice"), conversation, target, EditMessage(content="damn"))


def send_batch(chat: AppHarness, conversation: str, _: int) -> Any:
    command = {"type": "message", "conversation_id": conversation, "client_message_id": "1", "content": "damn"}
    (reply,) = chat.send_frame("c1", type="batch", commands=[command])
    (result,) = reply["results"]
    if result["type"] == "error":
        assert (result["code"], result["retryable"]) == ("UNAVAILABLE", True)
        raise Unavailable
    return result


@pytest.mark.parametrize("policy", ["allow", "refuse"])
@pytest.mark.parametrize("act", [send, edit, send_batch])
def test_action_that_the_hook_changes_is_not_committed_unchanged(act: Act, policy: str) -> None:
    hook = FakeHook()
    chat = AppHarness({"CHAT_HOOK_FAILURE": policy}, hook=hook, engine=Engine)
    assert isinstance(chat.store, Engine)
    engine = chat.store
    conversation = chat.create_conversation("alice", "bob")
    target = chat.send_message("alice", conversation, "hi")
    chat.connect("c1", "alice")
    before = chat.head(conversation).sequence_id

    def decide(_: Any) -> Any:
        engine.fails = True
        return change(content="***", mentions=["bob"])

    hook.decide = decide
    with pytest.raises(Unavailable):
        act(chat, conversation, target)
    assert not engine.fails
    assert chat.head(conversation).sequence_id == before
    assert Metric.HOOK_FAILURES not in chat.observer.sums(), "the hook has answered"
    hook.decide = lambda _: ALLOW
    act(chat, conversation, target)
    assert chat.events(conversation)[-1]["content"] == "damn"
