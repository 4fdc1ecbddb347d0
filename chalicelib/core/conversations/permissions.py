"""Mutes: who is muted reads on, and says nothing until a time that is kept with the membership.

A mute changes only in a commit that moves the head (see `log.py`). So a use case that reads the membership
in its plan and asks `check` there needs no further condition; a message, which is planned by an earlier
membership, has one: the mute must be as it was read (`aws/dynamodb/append.py`).
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.kernel.errors import Muted
from chalicelib.core.model.conversations import Membership


def require_unmuted(member: Membership, now: int) -> None:
    """Whether the member may say something at `now` (milliseconds). Raises Muted."""
    if member.muted_until > now:
        raise Muted(retry_after=(member.muted_until - now) / 1000)


def without_expired_mute(member: Membership, now: int) -> Membership:
    """The member without a mute that is over."""
    return replace(member, muted_until=0) if 0 < member.muted_until <= now else member
