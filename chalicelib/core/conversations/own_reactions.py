"""Which of the reactions to a message are the reader's: counts alone cannot restore a client's buttons."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.core.model.actors import Principal
from chalicelib.core.model.events import Event
from chalicelib.core.ports.event_log import EventLogStore


class OwnReactions:
    """Marks the reader's reactions in messages."""

    def __init__(self, *, event_log: EventLogStore) -> None:
        self._event_log = event_log

    def mark(self, reader: Principal, messages: Sequence[Event]) -> list[Event]:
        """Return the messages, with `mine` in each entry of `reactions`. Reads only if there are reactions."""
        shown = [
            (message["conversation_id"], message["sequence_id"], reaction["emoji"])
            for message in messages
            for reaction in message.get("reactions", ())
        ]
        own = self._event_log.own_reactions(reader.participant_id, shown) if shown else set()
        return [
            {
                **message,
                "reactions": [
                    {
                        **reaction,
                        "mine": (message["conversation_id"], message["sequence_id"], reaction["emoji"]) in own,
                    }
                    for reaction in message["reactions"]
                ],
            }
            if "reactions" in message
            else message
            for message in messages
        ]
