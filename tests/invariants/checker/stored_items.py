"""Whether the stored items agree with the log."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.dynamodb.keys import LEASE
from chalicelib.aws.dynamodb.log_items import event_from_item, reaction_from_item
from chalicelib.aws.dynamodb.values import unmarshal_item
from chalicelib.core.kernel.clock import rfc3339
from tests.invariants.checker.finished import KNOWN_OWN_MESSAGES, Finished
from tests.support.items import plain


class StoredItems(Finished):
    """Checks the items of the tables."""

    def _log_is_contiguous(self) -> None:
        assert self._head is not None
        ids = [event["sequence_id"] for event in self._log]
        assert ids == list(range(1, self._head["sequence_id"] + 1)), f"L3: ids {ids}, head {self._head}"
        assert {event["conversation_id"] for event in self._log} == {self._harness.conversation}
        assert [event["type"] for event in self._log].count("conversation_created") == 1
        assert self._log[0]["type"] == "conversation_created"

    def _head_tells_the_truth(self) -> None:
        assert self._head is not None
        messages = [event["sequence_id"] for event in self._story.messages]
        last = messages[-1] if messages else 0
        assert (self._head["message_count"], self._head["last_message"]) == (len(messages), last), self._head
        assert self._head["participant_count"] == len(self._story.members), "participant_count is not who is in"
        if self._head["state"] != "deleted":
            assert self._head["state"] == ("live" if self._story.members else "closed")
        if self._tidy and self._head["state"] == "live":
            assert self._head["departed"] == {}, "who has gone is still noted after all of it was cleared away"
        if self._tidy:
            queue = plain(self._items, self._chat, f"Q#{self._harness.conversation}")
            assert queue.keys() <= {LEASE}, "something is still queued"

    def _members_are_as_told(self) -> None:
        shown = {
            entry: (member.role, member.name, member.epoch, member.muted_until)
            for entry, member in self._story.members.items()
        }
        listed, places = {}, {}
        for item in plain(self._items, self._chat, f"C#{self._harness.conversation}", "P#").values():
            listed[item["participant_id"]] = _place(item)
        for person in map(self._harness.participant_id, self._harness.names):
            for item in plain(self._items, self._chat, f"U#{person}", "C#").values():
                places[item["participant_id"]] = _place(item)
                self._pointer_is_right(item)
        assert listed == shown, "the list of participants is not what the log tells"
        assert places == shown, "the memberships are not what the log tells"

    def _moderation_is_as_told(self) -> None:
        where = f"C#{self._harness.conversation}"
        bans = {item["participant_id"] for item in plain(self._items, self._chat, where, "B#").values()}
        assert bans == self._story.banned, "the bans are not what the log tells"
        kept = {sk.removeprefix("L#") for sk in plain(self._items, self._chat, where, "L#")}
        people = [self._harness.participant_id(name) for name in self._harness.names]
        noted = {person for person in people if plain(self._items, self._chat, f"U#{person}", "F#")}
        assert kept == noted == self._story.traces, "who was here is not found, or what is found means nothing"
        audit = plain(self._items, self._chat, where, "A#").values()
        entries = [
            (item["sequence_id"], item["action"], item["actor_id"], item.get("participant_id"), item.get("target"))
            for item in audit
            if not item["action"].startswith("invite_")
        ]
        assert entries == self._story.audit, "the audit is not what the log tells"
        for item in audit:
            event = self._log[item["sequence_id"] - 1]
            if item["action"] not in ("invite_created", "invite_revoked"):  # they have no event
                assert ("service" in item) == ("via" in event["sender"]), f"{item['action']} hides who acted"

    def _pointer_is_right(self, place: dict[str, Any]) -> None:
        read = [message for message in self._story.messages if message["sequence_id"] <= place["read_up_to"]]
        assert place["read_message_count"] == len(read), f"{place}, but {len(read)} messages are up to there"
        who = place["participant_id"]
        sent = [message for message in self._story.messages if message["sender"]["participant_id"] == who]
        assert 1 <= place["read_up_to"] <= len(self._log), f"{place} points beyond the log"
        own = [message["sequence_id"] for message in sent if message["sequence_id"] > place["read_up_to"]]
        kept = place.get("own_unread_0", frozenset()) | place.get("own_unread_1", frozenset())
        later = sorted(number for number in kept if number > place["read_up_to"])
        assert set(later) <= set(own), f"{place} keeps messages that are not {who}'s"
        assert later[-KNOWN_OWN_MESSAGES:] == own[-KNOWN_OWN_MESSAGES:], f"{place} misses messages of {who}"

    def _messages_are_as_told(self) -> None:
        now = self._story.now
        for sk, item in self._of_conversation.items():
            if sk.startswith("E#"):
                kept = event_from_item(item)
                number = kept.event["sequence_id"]
                assert kept.deleted_by == now.deleted_by.get(number, 0), (
                    f"{number} is deleted by {kept.deleted_by}"
                )
                if number in now.versions:
                    assert kept.current == now.versions[number][-1], f"{number} is not what the log tells"
                else:
                    assert kept.state is None, f"event {number} is no message and has changed"
        reactions = [reaction_from_item(item) for sk, item in self._of_conversation.items() if sk.startswith("R#")]
        there = {
            (reaction.target, reaction.participant_id, reaction.emoji): reaction.sequence_id
            for reaction in reactions
            # Reactions to deleted messages are ignored, and may remain if their deletion was interrupted.
            if self._tidy or reaction.target not in now.deleted_by
        }
        assert there == now.reactions, "who has reacted is not what the log tells"

    def _every_send_is_in_once(self) -> None:
        sends = [
            (event["sender"]["participant_id"], event["client_message_id"])
            for event in self._story.messages
            if "client_message_id" in event
        ]
        assert len(sends) == len(set(sends)), f"L2: a send is in the log twice: {sends}"
        message_ids = [event["message_id"] for event in self._story.messages]
        assert len(message_ids) == len(set(message_ids))
        records = [unmarshal_item(item) for key, item in self._items.items() if key.pk.startswith("K#")]
        recorded = {(record["message_id"], record["sequence_id"], record["created_at"]) for record in records}
        assert len(records) == len(recorded)
        messages = {
            (event["message_id"], event["sequence_id"], event["created_at"]): "client_message_id" in event
            for event in self._story.messages
        }
        # A message without the client's id has a record if it was queued: its sender finds it by that.
        assert {message for message, has_key in messages.items() if has_key} <= recorded <= messages.keys(), (
            "L2: what makes repeats one send is not what the log holds"
        )


def _place(item: dict[str, Any]) -> tuple[Any, ...]:
    """Return the stored membership as the log implies it."""
    muted_until = rfc3339(item["muted_until"]) if "muted_until" in item else None
    return item["role"], item["name"], item["epoch"], muted_until
