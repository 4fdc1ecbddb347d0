"""Identifiers and digests: random ids of `[A-Za-z0-9_-]`, and the one way in which a text is hashed."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

_SORTED_ALPHABET = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_CONVERSATION = re.compile(r"conv_[A-Za-z0-9_-]{22}")
_INVITE = re.compile(r"inv_[A-Za-z0-9_-]{22}")
_INVITE_ID = re.compile(r"ivt_[A-Za-z0-9_-]{22}")


def digest(text: str, size: int = 32) -> str:
    """Return the first `size` bytes of the SHA-256 of `text`, in hexadecimal."""
    return hashlib.sha256(text.encode()).digest()[:size].hex()


def url_safe_digest(text: str, size: int = 32) -> str:
    """Return the first `size` bytes of the SHA-256 of `text`, in unpadded base64url (RFC 4648 section 5)."""
    shortened = hashlib.sha256(text.encode()).digest()[:size]
    return base64.urlsafe_b64encode(shortened).rstrip(b"=").decode()


def new_conversation_id(now: int) -> str:
    """Return a new conversation id: the time in milliseconds, so that ids sort by it, and 84 random bits."""
    return f"conv_{_sortable(now, 8)}{_sortable(secrets.randbits(84), 14)}"


def _sortable(number: int, length: int) -> str:
    """Return a number of `6 * length` bits as text; texts have the order of their numbers."""
    return "".join(_SORTED_ALPHABET[number >> shift & 63] for shift in range(6 * (length - 1), -1, -6))


def new_message_id() -> str:
    """Return a new message id with 128 random bits."""
    return "msg_" + secrets.token_urlsafe(16)


def new_invite() -> str:
    """Return a new invite secret with 128 random bits; anyone who has it may join."""
    return "inv_" + secrets.token_urlsafe(16)


def is_invite(text: str) -> bool:
    """Return whether `text` has the form of an invite secret."""
    return _INVITE.fullmatch(text) is not None


def invite_id(secret: str) -> str:
    """Return the public id of an invite: a digest that does not reveal the secret."""
    return "ivt_" + url_safe_digest(secret, 16)


def is_invite_id(text: str) -> bool:
    """Return whether `text` has the form of an invite id."""
    return _INVITE_ID.fullmatch(text) is not None


def is_conversation_id(text: str) -> bool:
    """Return whether `text` has the form of a conversation id. The store is never queried for anything else."""
    return _CONVERSATION.fullmatch(text) is not None
