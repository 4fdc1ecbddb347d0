"""The feed in direct conversations: a blocker receives nothing, and the blocked participant sees no difference."""

from __future__ import annotations

import json
import re
from typing import Any

from chalicelib.core.protocol.requests import SendMessage
from tests.support.app_harness import AppHarness, principal
from tests.unit.core.conversations.test_directs import open_direct


def frames_of_alice(*, is_blocked: bool) -> tuple[str, list[dict[str, Any]]]:
    """Return alice's frames after her message without ids, and the activity that bob receives."""
    harness = AppHarness()
    chat = str(open_direct(harness, "alice", "bob")[1]["conversation_id"])
    for name in ("alice", "bob"):
        harness.connect(f"{name}=", name)
        harness.send_frame(f"{name}=", type="hello", feed=True)
    if is_blocked:
        blocked = harness.chat.conversations.blocks.block(principal("bob"), "alice")
        harness.chat.realtime.fan_out.deliver(blocked.pushes, within=5)
    harness.poster.posts.clear()
    sender = harness.chat.messaging.sender
    sent = sender.send(principal("alice"), chat, SendMessage(content="hello"))
    harness.chat.realtime.fan_out.deliver(sender.pushes(sent), within=5)
    shown = json.dumps(harness.posted("alice="))
    return re.sub(r'"(conv|msg)_[^"]+"', '"id"', shown), harness.posted("bob=")


def test_blocker_receives_no_activity_and_the_frames_of_the_blocked_do_not_change() -> None:
    usual, of_bob = frames_of_alice(is_blocked=False)
    assert [frame["type"] for frame in of_bob] == ["activity"]
    blocked, of_blocker = frames_of_alice(is_blocked=True)
    assert of_blocker == []
    assert blocked == usual
    assert [frame["type"] for frame in json.loads(usual)] == ["read", "activity"]
