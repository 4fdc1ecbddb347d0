"""Arrivals with a profile: of a newcomer to a group, or of the participant who accepts a direct conversation."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.model.consent import Standing
from chalicelib.core.model.conversations import Membership
from chalicelib.core.ports.commits import Commit
from chalicelib.core.ports.memberships import MembershipStore


def with_profile(commit: Commit, standing: Standing, memberships: MembershipStore) -> Commit:
    """Return the append of an arrival with the newcomer's profile.

    In a direct conversation the two note each other, with the avatar, which only the roster has.
    """
    (newcomer,) = (standing.profiled(member) for member in commit.joining)
    conversation_id = newcomer.conversation_id
    roster = memberships.roster(conversation_id) if commit.new.direct else []
    noting: list[Membership] = []
    for entry in roster:
        opener = memberships.membership(conversation_id, entry.participant_id)
        if opener is not None:
            opener = replace(opener, profile_version=entry.profile_version)
            noting.append(replace(opener, other=newcomer.as_other(newcomer.avatar_url)))
            newcomer = replace(newcomer, other=opener.as_other(entry.avatar_url))
    return replace(commit, joining=[newcomer], noting=noting)
