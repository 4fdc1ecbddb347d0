"""The result of verification, the only part of a token that the application uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chalicelib.core.model.actors import ParticipantType, TokenRules


class Identity(NamedTuple):
    """A verified identity.

    `participant_id` is the token's `sub`: 1 to 255 visible ASCII characters, including `#`, `/` and `|`.
    `expires_at` is the token's `exp` in epoch seconds, rounded down and without leeway: a later check must grant
    the same leeway as the verification.
    """

    participant_id: str
    name: str | None
    expires_at: int
    issued_at: int = 0
    """The token's `iat` in epoch seconds, rounded down; if it has none, the longest lifetime before `exp`."""
    type: ParticipantType = "human"
    service: str | None = None
    """The client id of a service, which is not a participant: its `participant_id` is empty."""

    def is_revoked(self, revoked_at: int) -> bool:
        """Return whether the token was issued before `revoked_at`, in milliseconds."""
        return self.issued_at * 1000 < revoked_at

    def under(self, rules: TokenRules, refusal: str | None = None) -> Identity:
        """Return the identity with the type that the deployment's rules give it.

        Raises:
            Suspended, Unauthorized: they refuse the token; `refusal` is the message about a revoked one.
        """
        if rules.suspended_at or self.is_revoked(rules.revoked_at):
            from chalicelib.core.kernel.errors import REVOKED, Suspended, Unauthorized

            raise Suspended if rules.suspended_at else Unauthorized(refusal or REVOKED)
        return self._replace(type=rules.type_of(self.type))
