"""Copying a changed profile to the memberships of its participant, and telling connected members of it.

A job copies page by page and saves its position after each. Every copy is conditional on an older version in the
membership, so the newest profile wins, however many jobs run; a repeated page changes nothing. A membership that
begins meanwhile is conditional on the standing, which has the new profile already.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from chalicelib.core.kernel.errors import ConversationBusy
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import retry_on_conflict
from chalicelib.core.model.connections import Subscription
from chalicelib.core.model.conversations import ConversationState, Head, Membership
from chalicelib.core.model.profiles import Profile, ProfileCopy
from chalicelib.core.ports.connections import SubscriptionStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.profiles import ProfileStore
from chalicelib.core.protocol import frames
from chalicelib.core.realtime.fan_out import FanOut
from chalicelib.core.realtime.outbox import ToSubscriptions

RETRY_DELAY = 5.0
"""Seconds to wait under contention."""
PAGE = 25
"""How many memberships are copied to between two saves of the position."""
MAX_NOTIFIED = 500
"""How many connections of others one change is pushed to: this bounds its cost."""


class ProfileCopies:
    """Copies profiles in steps."""

    def __init__(
        self,
        *,
        profiles: ProfileStore,
        event_log: EventLogStore,
        subscriptions: SubscriptionStore,
        fan_out: FanOut,
        runtime: Runtime,
    ) -> None:
        self._profiles = profiles
        self._event_log = event_log
        self._subscriptions = subscriptions
        self._fan_out = fan_out
        self._runtime = runtime

    def run(self, job_id: str, seconds: float) -> float | None:
        """Run a step of about `seconds`, at least one page; return when the next one is due, or None."""
        deadline = self._runtime.clock.monotonic() + seconds
        while (copy := self._profiles.copy(job_id)) is not None:
            profile = self._profiles.profile(copy.participant_id)
            if profile is None:
                self._profiles.complete(copy)
                continue
            try:
                self._copy_page(copy, profile)
            except ConversationBusy:
                return RETRY_DELAY
            if self._runtime.clock.monotonic() >= deadline:
                return 0.0
        return None

    def _copy_page(self, copy: ProfileCopy, profile: Profile) -> None:
        members, position = self._profiles.memberships(copy.participant_id, copy.position, PAGE)
        for member in members:
            if member.profile_version < profile.version:
                write = functools.partial(self._profiles.copy_to, member, profile)
                retry_on_conflict(self._runtime, write)
            if member.other is not None:
                # Last, and on every page that is repeated: it may be missing after a crash.
                self._profiles.note_in_other(member, profile)
        notified = copy.notified + self._notify(members, profile, MAX_NOTIFIED - copy.notified)
        if position is not None:
            self._profiles.advance(copy._replace(position=position, notified=notified))
        else:
            self._profiles.complete(copy)

    def _notify(self, members: Sequence[Membership], profile: Profile, most: int) -> int:
        """Post the profile to connections that are subscribed to these conversations; return to how many."""
        if not members or most <= 0:
            return 0
        heads = self._event_log.heads([member.conversation_id for member in members])
        largest = self._runtime.limits.presence_participants
        recipients: dict[str, Subscription] = {}
        for head in heads.values():
            if head.state is ConversationState.LIVE and head.participant_count <= largest:
                recipients |= {
                    subscription.connection_id: subscription
                    for subscription in self._recipients(head, profile.participant_id)
                }
        subscriptions = list(recipients.values())[:most]
        frame = frames.profile_push(profile, members[0].actor)
        self._fan_out.deliver([ToSubscriptions(subscriptions, frame)], within=self._runtime.timing.socket_fan_out)
        return len(subscriptions)

    def _recipients(self, head: Head, participant_id: str) -> list[Subscription]:
        """Return the subscriptions of other members. The head is read before, and names those to exclude."""
        return [
            subscription
            for subscription in self._subscriptions.subscribers(head.conversation_id)
            if subscription.participant_id != participant_id
            and head.excluded.get(subscription.participant_id, 0) <= subscription.epoch
        ]
