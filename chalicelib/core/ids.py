"""Identifiers that we mint: random, unguessable, of `[A-Za-z0-9_-]`."""

from __future__ import annotations

import re
import secrets

_CONVERSATION = re.compile(r"conv_[A-Za-z0-9_-]{22}")


def new_conversation_id() -> str:
    """A fresh conversation id with 128 bits of randomness."""
    return "conv_" + secrets.token_urlsafe(16)


def new_message_id() -> str:
    """A fresh message id with 128 bits of randomness."""
    return "msg_" + secrets.token_urlsafe(16)


def is_conversation_id(text: str) -> bool:
    """Whether `text` could be a conversation id of ours: the store is asked about nothing else."""
    return _CONVERSATION.fullmatch(text) is not None
