"""The fields of a message that the law checkers compare. They come from the model, so that none is left out."""

from __future__ import annotations

from typing import Any

from chalicelib.core.protocol.message_fields import MessageFields

MESSAGE_FIELDS = tuple(MessageFields.model_fields)
KEPT_BY_DELETION = ("reply_to",)
"""Stated by hand: the checkers must notice if the product keeps more."""
CONTENT_FIELDS = tuple(name for name in MESSAGE_FIELDS if name not in KEPT_BY_DELETION)


def for_any_reader(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message of the history without the fields that depend on its reader."""
    if "reactions" not in message:
        return message
    counts = [
        {name: value for name, value in reaction.items() if name != "mine"} for reaction in message["reactions"]
    ]
    return {**message, "reactions": counts}
