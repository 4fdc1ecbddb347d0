"""The metrics of frames."""

from __future__ import annotations

from tests.support.app_harness import AppHarness


def test_frame_is_observed_with_its_participant_and_conversation(harness: AppHarness) -> None:
    conversation_id, not_an_id = harness.create_conversation("alice"), "a text that is no id"
    harness.connect("Zux7aeaAFiACHZQ=", "alice")
    for named, expected in ((conversation_id, conversation_id), (not_an_id, None)):
        harness.observer.ids.clear()
        harness.send_frame("Zux7aeaAFiACHZQ=", type="typing", conversation_id=named, is_typing=True)
        assert harness.observer.ids == {"participant_id": "alice"} | (
            {"conversation_id": expected} if expected else {}
        )
