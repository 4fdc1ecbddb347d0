"""Endpoints after a restore: each drops the lost events, and then has those of the log."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.bootstrap.services import PublishingPorts
from chalicelib.core.model.publishing import DEPLOYMENT_LOG, Cursor, Endpoint
from chalicelib.core.protocol.endpoint_requests import RotateSecret
from tests.support.app_harness import principal
from tests.support.publishing import FAILED, FakeDeliveryQueue, FakeSink

from .support import RestoreHarness

EVERYTHING = "ep_everything"


class Scene(RestoreHarness):
    """A chat whose endpoints have received everything before the snapshot."""

    def __init__(self) -> None:
        self.sink, self.deliveries = FakeSink(), FakeDeliveryQueue()
        super().__init__(publishing=PublishingPorts(self.deliveries, lambda: self.sink), CHAT_EVENTS="on")
        self.add_endpoint(EVERYTHING)

    def add_endpoint(self, endpoint_id: str, **fields: Any) -> None:
        now = int(self.clock.now() * 1000)
        endpoint = Endpoint(endpoint_id, "webhook", "https://x.example/", now, "beginning")
        assert self.chat.publishing.endpoints.save(endpoint._replace(**fields))

    def publish(self, *conversation_ids: str) -> None:
        """Publish conversations."""
        self.chat.publishing.wake_ups.wake(conversation_ids)
        self.run_jobs()

    def run_jobs(self) -> None:
        """Run the jobs that are in the queue, and those that they queue."""
        for _ in range(10):
            jobs, self.deliveries.sent = self.deliveries.sent, []
            for endpoint_id, conversation_id, _delay in jobs:
                self.chat.publishing.publisher.run(endpoint_id, conversation_id, 30.0)

    def resume_publishing(self) -> None:
        """Do what the sweep does after a restore: take up the notes, and walk, because no heartbeat came back."""
        self.chat.publishing.sweep.run(60)
        self.run_jobs()

    def restore(self) -> None:
        """Restore after an interruption, and publish."""
        self.replay()
        self.deliveries.sent.clear()
        super().restore()
        self.sink.attempts.clear()
        self.resume_publishing()

    def has_the_log(self, conversation_id: str) -> None:
        """Check that the endpoint for everything has the log, and that all of it is published."""
        ids = [event["sequence_id"] for event in self.events(conversation_id)]
        assert self.sink.received(EVERYTHING, conversation_id) == ids
        assert self.cursor(conversation_id).position == ids[-1]

    def cursor(self, conversation_id: str) -> Cursor:
        cursor = self.chat.publishing.cursors.cursor(conversation_id, EVERYTHING)
        assert cursor is not None
        return cursor

    def resets(self, conversation_id: str, endpoint_id: str = EVERYTHING) -> list[int]:
        """Return the heads of the resets that an endpoint received since the restore, one for each attempt."""
        return [
            one.events[0]["head"]
            for one in self.sink.attempts
            if (one.endpoint.endpoint_id, one.conversation_id) == (endpoint_id, conversation_id)
            and one.events[0]["type"] == "log_reset"
        ]


@pytest.fixture
def scene() -> Scene:
    """Return a chat without conversations."""
    return Scene()


def test_lost_conversation_is_reset_to_nothing_by_every_endpoint(scene: Scene) -> None:
    scene.add_endpoint("ep_messages", types=frozenset({"message"}))
    scene.snapshot()
    lost = scene.create_conversation("ann", "bob")
    scene.send_message("ann", lost)
    scene.publish(lost)
    unpublished = scene.create_conversation("ann")
    scene.restore()
    for endpoint_id in (EVERYTHING, "ep_messages"):
        assert scene.resets(lost, endpoint_id) == [0]
        assert scene.sink.received(endpoint_id, lost) == []
        assert scene.chat.publishing.lags.lagging(endpoint_id, None, 10) == []
    assert not any(lost in str(key) or unpublished in str(key) for key in scene.rows())
    assert scene.resets(unpublished) == []


def test_reset_of_a_lost_conversation_is_repeated_until_it_is_acknowledged(scene: Scene) -> None:
    scene.snapshot()
    lost = scene.create_conversation("ann")
    scene.publish(lost)
    answer = scene.sink.answer
    scene.sink.answer = lambda delivery: FAILED
    scene.restore()
    assert (scene.resets(lost), scene.sink.received(EVERYTHING, lost)) == ([0], [1])
    scene.sink.answer = answer
    scene.clock.advance(3600)
    scene.resume_publishing()
    assert (scene.resets(lost), scene.sink.received(EVERYTHING, lost)) == ([0, 0], [])


def test_endpoint_keeps_what_both_logs_have(scene: Scene) -> None:
    """The backup has a lower position than the endpoint, and the replay has appended to the restored log."""
    chat = scene.create_conversation("ann", "bob")
    scene.publish(chat)
    scene.send_message("ann", chat, "kept")
    scene.snapshot()
    scene.send_message("ann", chat, "lost")
    scene.chat.conversations.members.leave(principal("bob"), chat)
    scene.send_message("ann", chat, "lost, too")
    scene.publish(chat)
    scene.restore()
    assert scene.resets(chat) == [2]
    assert [event["type"] for event in scene.events(chat)][2:] == ["participant_left"]
    scene.has_the_log(chat)


def test_endpoint_that_had_not_received_all_of_the_backup_continues_there(scene: Scene) -> None:
    chat = scene.create_conversation("ann")
    scene.publish(chat)
    scene.send_message("ann", chat, "not published yet")
    scene.snapshot()
    scene.send_message("ann", chat, "lost")
    scene.restore()
    assert scene.resets(chat) == [1]
    scene.has_the_log(chat)


def test_endpoint_of_some_types_continues_after_the_last_event_that_it_has(scene: Scene) -> None:
    scene.add_endpoint("ep_messages", types=frozenset({"message"}))
    chat = scene.create_conversation("ann")
    first = scene.send_message("ann", chat, "first")
    scene.publish(chat)
    scene.add("ann", chat, "bob")
    scene.snapshot()
    scene.send_message("ann", chat, "lost")
    scene.publish(chat)
    scene.restore()
    then = scene.send_message("ann", chat, "after")
    scene.publish(chat)
    assert scene.resets(chat, "ep_messages") == [first]
    assert scene.sink.received("ep_messages", chat) == [first, then]


def test_endpoints_are_as_they_are_now(scene: Scene) -> None:
    """A secret that was replaced after a leak does not sign again, and a deleted endpoint stays deleted."""
    scene.add_endpoint("ep_deleted")
    scene.snapshot()
    registry = scene.chat.publishing.registry
    registry.rotate(EVERYTHING, RotateSecret(overlap=0))
    registry.delete("ep_deleted")
    scene.add_endpoint("ep_new")
    lost = scene.create_conversation("ann")
    scene.publish(lost)
    before = scene.chat.publishing.endpoints.endpoints()
    scene.replay()
    RestoreHarness.restore(scene)
    assert scene.chat.publishing.endpoints.endpoints() == before
    scene.resume_publishing()
    assert (scene.resets(lost, "ep_new"), scene.resets(lost, "ep_deleted")) == ([0], [])


def test_deployment_log_continues_with_the_deletions_that_are_replayed(scene: Scene) -> None:
    chat, kept = scene.create_conversation("ann"), scene.create_conversation("ann")
    lifecycle = scene.chat.conversations.lifecycle
    lifecycle.delete(principal("ann"), kept)
    scene.publish(DEPLOYMENT_LOG)
    scene.snapshot()
    lifecycle.delete(principal("ann"), chat)
    lost = scene.create_conversation("ann")
    lifecycle.delete(principal("ann"), lost)
    scene.publish(DEPLOYMENT_LOG)
    assert scene.sink.received(EVERYTHING, DEPLOYMENT_LOG) == [1, 2, 3]
    scene.restore()
    assert scene.resets(DEPLOYMENT_LOG) == [1]
    then = scene.sink.acknowledged[EVERYTHING, DEPLOYMENT_LOG][-1]
    assert [(event["type"], event["conversation_id"]) for event in then.events] == [("conversation_deleted", chat)]
    assert scene.sink.received(EVERYTHING, DEPLOYMENT_LOG) == [1, 2]


def test_parked_conversation_stays_parked_and_visible(scene: Scene) -> None:
    scene.snapshot()
    lost = scene.create_conversation("ann")
    scene.publish(lost)
    cursor = scene.chat.publishing.cursors.acquire(lost, EVERYTHING, "job", 1, 10**15)
    assert cursor is not None
    scene.chat.publishing.cursors.note_failure(cursor, failures=20, retry_at=1, parked_at=1)
    scene.restore()
    assert (scene.resets(lost), scene.cursor(lost).parked_at) == ([], 1)
    assert scene.chat.publishing.lags.lagging(EVERYTHING, None, 10) == [lost]
