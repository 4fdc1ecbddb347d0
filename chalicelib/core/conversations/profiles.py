"""Profiles: a participant, or a service for them, sets name and avatar for all their conversations."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from chalicelib.core.kernel.clock import milliseconds
from chalicelib.core.kernel.errors import ErasureRunning, Forbidden
from chalicelib.core.kernel.ids import digest
from chalicelib.core.kernel.runtime import Runtime
from chalicelib.core.log.conflicts import new_backoff, retry_on_conflict
from chalicelib.core.model.actors import Actor, Principal
from chalicelib.core.model.profiles import Profile
from chalicelib.core.ports.consent import PendingStore
from chalicelib.core.ports.profiles import ProfileStore
from chalicelib.core.protocol import frames, serializers
from chalicelib.core.realtime.outbox import Result, ToParticipants

if TYPE_CHECKING:
    from chalicelib.core.protocol.profile_objects import Profile as ProfileView
    from chalicelib.core.protocol.requests import SetProfile

PROFILE = "profile"
"""The kind of the job that copies a profile."""


class Profiles:
    """Sets and shows the profile of a caller."""

    def __init__(self, *, profiles: ProfileStore, pending: PendingStore, runtime: Runtime) -> None:
        self._profiles = profiles
        self._pending = pending
        self._runtime = runtime

    def get(self, caller: Principal) -> ProfileView | None:
        """Return the caller's profile."""
        profile = self._profiles.profile(caller.participant_id)
        return None if profile is None else serializers.profile(profile)

    def set(self, caller: Principal, request: SetProfile) -> Result:
        """Replace the caller's profile, and begin to copy it to their memberships. No-op if it is the same.

        Raises:
            Forbidden: only services set profiles here.
            ErasureRunning, ConversationBusy: nothing was changed.
        """
        if self._runtime.profiles_by_services and caller.service is None:
            raise Forbidden("Only a service sets profiles here.")
        backoff = new_backoff(self._runtime)
        while True:
            # The standing first: each change of the profile changes it, too.
            standing = self._pending.standing(caller.participant_id)
            was = self._profiles.profile(caller.participant_id)
            profile = Profile(
                caller.participant_id,
                request.name,
                request.avatar_url,
                request.metadata,
                standing.profile_version + 1,
                milliseconds(self._runtime.clock),
            )
            if standing.is_erasing:
                raise ErasureRunning
            if was is not None and profile.is_same_as(was):
                return Result(serializers.profile(was))
            if retry_on_conflict(self._runtime, functools.partial(self._profiles.save, profile, standing)):
                actor = Actor(profile.participant_id, profile.name, caller.type)
                push = ToParticipants([profile.participant_id], frames.profile_push(profile, actor))
                return Result(serializers.profile(profile), [push], job=profile_job(profile.participant_id))
            backoff.wait()


def profile_job(participant_id: str) -> str:
    """Return the name of the job that copies a profile; it contains no id."""
    return f"{PROFILE}:{digest(participant_id)}"
