"""Profiles, and their copies in memberships."""

from __future__ import annotations

from typing import Protocol

from chalicelib.core.model.consent import Standing
from chalicelib.core.model.conversations import Membership
from chalicelib.core.model.profiles import Profile, ProfileCopy


class ProfileStore(Protocol):
    """The profiles of participants. Every read is strongly consistent."""

    def profile(self, participant_id: str) -> Profile | None:
        """Return a profile."""
        ...

    def save(self, profile: Profile, standing: Standing) -> bool:
        """Save a profile, with the begin of its copies; return False if the standing is not as read.

        It is noted in the standing, on which every new membership is conditional: so each membership either begins
        with this profile, or is found by the copies.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def erase(self, participant_id: str) -> None:
        """Delete a profile, and the progress of its copies."""
        ...

    # ---- copies ----------------------------------------------------------------------------------------

    def copy(self, job_id: str) -> ProfileCopy | None:
        """Return the progress of copies that are not complete."""
        ...

    def memberships(self, participant_id: str, after: str, limit: int) -> tuple[list[Membership], str | None]:
        """Return memberships by conversation id, up to `limit`, and the id after which the next page begins."""
        ...

    def copy_to(self, member: Membership, profile: Profile) -> bool:
        """Copy to a membership; return False if it has ended, or has this profile or a newer one.

        Raises:
            WriteConflict: nothing was written.
        """
        ...

    def note_in_other(self, member: Membership, profile: Profile) -> bool:
        """Copy to what the other participant of a direct conversation notes of a member.

        Returns False if there is no such note, or it has this profile or a newer one.
        """
        ...

    def advance(self, copy: ProfileCopy) -> bool:
        """Save the progress; return False if the profile was changed or erased, or the copies are complete."""
        ...

    def complete(self, copy: ProfileCopy) -> bool:
        """Delete the progress of complete copies; return False as `advance` does."""
        ...

    def pending(self, after: str | None, limit: int) -> list[str]:
        """Return the ids of copies that are not complete, after this one."""
        ...
