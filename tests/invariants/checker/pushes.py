"""Whether pushes and responses agree with the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.invariants.checker.contents import events_in, messages_in, numbers_in, page_is_a_prefix
from tests.invariants.checker.finished import Finished
from tests.invariants.checker.log_state import Event
from tests.support.checking import check_frame
from tests.support.unpacking import answers


class Pushes(Finished):
    """Checks the frames that clients received."""

    def _acknowledged_is_in_the_log(self) -> None:
        for post in self._harness.posts:
            for answer in answers(post.frame):
                if answer["type"] == "message_ack":
                    self._is_acknowledged(answer, self._person_of(post.connection_id))
        for response in self._harness.responses:
            if response.request == "send":
                self._is_kept(response.body, "L1: answered, and not in the log")
                assert response.body["sender"]["participant_id"] == response.participant_id

    def _is_acknowledged(self, ack: dict[str, Any], participant_id: str) -> None:
        event = self._event(ack["sequence_id"])
        for name in ("message_id", "client_message_id", "created_at"):
            assert event[name] == ack[name], f"L1: {ack} of {event}"
        assert event["sender"]["participant_id"] == participant_id

    def _nothing_false_was_said(self) -> None:
        for post in self._harness.posts:
            check_frame(json.dumps(post.frame, ensure_ascii=False))
            named = {frame["history_id"] for frame in (post.frame, *answers(post.frame)) if "history_id" in frame}
            assert named <= {str(self._harness.tables.settings.history_id)}, f"a frame of another history: {named}"
        for _, sent in self._said():
            for event in events_in(sent):
                self._is_kept(event, "L3: a reader was shown another event")
            for message in messages_in(sent):
                self._event(message["sequence_id"])
                if sent.get("type") == "activity":
                    assert self._story.now.was_previewed_as(message), f"a false preview: {message}"
                    continue
                assert self._story.now.was_shown_as(message), (
                    f"a reader was shown what the message never was: {message}"
                )
            if isinstance(sent, dict) and "head" in sent and "events" in sent:
                page_is_a_prefix(sent, len(self._log))
            if isinstance(sent, dict) and "messages" in sent:
                self._messages_have_no_hole(sent["messages"])

    def _is_kept(self, shown: Event, law: str) -> None:
        assert self._story.now.matches_stored(shown, self._event(shown["sequence_id"])), f"{law}: {shown}"

    def _messages_have_no_hole(self, messages: list[Event]) -> None:
        if messages:
            ids = [event["sequence_id"] for event in self._story.messages]
            shown = [event["sequence_id"] for event in messages]
            first = ids.index(shown[0])
            assert shown == ids[first : first + len(shown)], f"L4: a page with a hole: {shown} of {ids}"

    def _strangers_heard_nothing(self) -> None:
        """L7, by sequence ids: a member who left by event n receives n and nothing later."""
        for person, sent in self._said():
            if person in self._story.members:
                continue
            end = self._story.went_by.get(person, 0)
            beyond = [number for number in numbers_in(sent) if number >= end]
            assert not beyond, f"L7: {person} went by event {end} and was told of {beyond}: {sent}"
            if end == 0 and isinstance(sent, dict):
                assert sent.get("type") in (None, "error", "welcome", "pong"), f"L7: a stranger was told {sent}"

    def _said(self) -> Iterator[tuple[str, Any]]:
        """Return all frames and responses about the conversation, each with its recipient."""
        for post in self._harness.posts:
            for frame in answers(post.frame):
                yield self._person_of(post.connection_id), frame
        for answer in self._harness.responses:
            if answer.request in ("events", "messages", "view", "send", "edit", "who reacted"):
                yield answer.participant_id, answer.body
