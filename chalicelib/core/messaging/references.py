"""References of a message: to the message that it replies to, and to mentioned participants."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.kernel.errors import ValidationFailed
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore

if TYPE_CHECKING:
    from chalicelib.core.protocol.commands import Message
    from chalicelib.core.protocol.requests import SendMessage, SendSystemMessage

    NewMessage: TypeAlias = SendMessage | SendSystemMessage | Message


class References:
    """Checks references."""

    def __init__(self, *, event_log: EventLogStore, memberships: MembershipStore, gather: Gather) -> None:
        self._event_log = event_log
        self._memberships = memberships
        self._gather = gather

    def error(self, conversation_id: str, message: NewMessage) -> ValidationFailed | None:
        """Return the error of a new message with an invalid reference, or None."""
        target, mentioned = self._gather(
            lambda: self._event_log.event(conversation_id, message.reply_to) if message.reply_to else None,
            lambda: (
                self._memberships.memberships_in(conversation_id, message.mentions) if message.mentions else {}
            ),
        )
        if message.reply_to and (target is None or target.event["type"] != "message"):
            return ValidationFailed.at("reply_to", "must be the sequence_id of a message of this conversation")
        for index, participant_id in enumerate(message.mentions):
            if participant_id not in mentioned:
                return ValidationFailed.at(f"mentions.{index}", "must be a participant of this conversation")
        return None
