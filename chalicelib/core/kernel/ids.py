"""Identifiers that we mint: random, unguessable, of `[A-Za-z0-9_-]`."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

_CONVERSATION = re.compile(r"conv_[A-Za-z0-9_-]{22}")
_INVITE = re.compile(r"inv_[A-Za-z0-9_-]{22}")
_INVITE_ID = re.compile(r"ivt_[A-Za-z0-9_-]{22}")


def new_conversation_id() -> str:
    """A fresh conversation id with 128 bits of randomness."""
    return "conv_" + secrets.token_urlsafe(16)


def new_message_id() -> str:
    """A fresh message id with 128 bits of randomness."""
    return "msg_" + secrets.token_urlsafe(16)


def new_invite() -> str:
    """A fresh secret of an invite, with 128 bits of randomness: whoever knows it may join."""
    return "inv_" + secrets.token_urlsafe(16)


def is_invite(text: str) -> bool:
    """Whether `text` could be the secret of an invite."""
    return _INVITE.fullmatch(text) is not None


def invite_id(secret: str) -> str:
    """By what an invite is known to those who may see it: a digest, from which the secret cannot be told."""
    digest = hashlib.sha256(secret.encode()).digest()[:16]
    return "ivt_" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_invite_id(text: str) -> bool:
    """Whether `text` could be the id of an invite."""
    return _INVITE_ID.fullmatch(text) is not None


def is_conversation_id(text: str) -> bool:
    """Whether `text` could be a conversation id of ours: the store is asked about nothing else."""
    return _CONVERSATION.fullmatch(text) is not None
