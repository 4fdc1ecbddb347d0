"""The background job that pushes members as offline, while the store fails."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.awshttp import NoResponse
from chalicelib.core.kernel.errors import Unavailable
from local.faults.engine import MemoryEngine
from tests.support.app_harness import AppHarness
from tests.support.fakes import FakeJobQueue


class UnreadableHead(MemoryEngine):
    """An engine that does not answer reads of one head."""

    conversation_id = ""

    def get_item(self, **request: Any) -> Any:
        if request["Key"] == {"pk": {"S": f"C#{self.conversation_id}"}, "sk": {"S": "HEAD"}}:
            raise NoResponse
        return super().get_item(**request)


@pytest.mark.parametrize("failing", [0, 1], ids=["the first", "the second"])
def test_job_that_fails_in_between_pushes_each_member_as_offline_once(failing: int) -> None:
    queue = FakeJobQueue()
    harness = AppHarness(queue=queue, engine=UnreadableHead)
    assert isinstance(harness.store, UnreadableHead)
    chats = [harness.create_conversation("alice", "bob") for _ in range(2)]
    harness.connect("a=", "alice", *chats)
    harness.connect("b=", "bob", *chats)
    harness.poster.posts.clear()
    harness.chat.realtime.fan_out.deliver(harness.chat.sessions.connections.close("a="), within=5)
    ((job, delay),) = queue.sent
    harness.clock.advance(delay)
    named = sorted(chats, key=job.index)
    harness.store.conversation_id = named[failing]
    with pytest.raises(Unavailable):
        harness.chat.privacy.jobs.run(job, 60)
    assert [frame["conversation_id"] for frame in harness.posted("b=", "presence")] == named[:failing]
    harness.store.conversation_id = ""
    for _ in range(2):
        harness.chat.privacy.jobs.run(job, 60)
    assert [frame["conversation_id"] for frame in harness.posted("b=", "presence")] == named
