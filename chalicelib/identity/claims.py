"""Validation of the registered claims of a token (RFC 7519 section 4.1).

PyJWT's own checks are not used: it reads the machine's clock, accepts strings and booleans as times, and rejects
any token with an `aud` if no audience is configured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chalicelib.core.kernel.text import is_name, is_participant_id, is_reserved_id
from chalicelib.identity.errors import InvalidClaims, shown
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings

if TYPE_CHECKING:
    from chalicelib.core.model.actors import ParticipantType

# The first second that RFC 3339 cannot represent. A time in milliseconds is beyond it.
_YEAR_10000 = 253_402_300_800


def validate_claims(claims: Mapping[str, object], settings: IdentitySettings, now: float) -> Identity:
    """Return the identity in verified claims. Raises `InvalidClaims` if they are not valid at `now`.

    `exp` and `nbf` are compared with the configured leeway; `iat` must be a time, and no further before `exp` than
    the longest lifetime. An unusable `name` is ignored: the identity provider sets it, and an entry in a directory
    should not lock out a user. Only the token of a service may lack `aud`.
    """
    service = _service(claims, settings)
    participant_id = "" if service is not None else _participant_id(claims)
    expires = _checked_times(claims, settings.leeway, now)
    _check_issuer(claims, settings.issuer)
    if service is None or "aud" in claims:
        _check_audience(claims, settings.audience)
    issued = math.floor(_time(claims, "iat")) if "iat" in claims else expires - settings.max_lifetime
    _check_lifetime(issued, expires, settings, now)
    if service is not None:
        return Identity("", None, expires, issued, service=service)
    # The identity provider alone decides which participants are programs.
    kind: ParticipantType = "agent" if claims.get(settings.type_claim) == "agent" else "human"
    return Identity(participant_id, _usable_name(claims.get("name")), expires, issued, kind)


def _service(claims: Mapping[str, object], settings: IdentitySettings) -> str | None:
    if settings.service_scope is None:
        return None
    from chalicelib.identity.services import service_client

    return service_client(claims, settings.service_scope, settings.service_clients)


def _participant_id(claims: Mapping[str, object]) -> str:
    participant_id = claims.get("sub")
    if not isinstance(participant_id, str) or not is_participant_id(participant_id):
        rule = "1 to 255 visible ASCII characters"
        raise InvalidClaims(f"the token's sub must be {rule}", _difference("sub", rule, claims))
    if is_reserved_id(participant_id):
        rule = "none of the reserved ids"
        raise InvalidClaims(f"the token's sub must be {rule}", _difference("sub", rule, claims))
    return participant_id


def _checked_times(claims: Mapping[str, object], leeway: int, now: float) -> int:
    """Return the expiry in whole seconds, rounded down, after checking all times in the claims."""
    if "exp" not in claims:
        raise InvalidClaims("the token has no expiry (exp)", "exp: there is none")
    exact = _time(claims, "exp")
    if exact >= _YEAR_10000:
        raise InvalidClaims("the token's exp is beyond the year 9999: it must be in seconds, not milliseconds")
    # Rounded before it is compared, as by every later check of the same token.
    expires = math.floor(exact)
    if now >= expires + leeway:
        raise InvalidClaims("the token has expired", f"exp: expired {now - expires:.0f} s ago (leeway {leeway} s)")
    if "nbf" in claims and now < (begins := _time(claims, "nbf")) - leeway:
        raise InvalidClaims("the token is not valid yet", f"nbf: valid in {begins - now:.0f} s")
    if "iat" in claims:
        _time(claims, "iat")
    return expires


def _check_lifetime(issued: int, expires: int, settings: IdentitySettings, now: float) -> None:
    """Refuse a token that could outlive a revocation, which is kept for the longest lifetime and the leeway."""
    if max(expires - issued, expires - now - settings.leeway) > settings.max_lifetime:
        raise InvalidClaims(
            f"the token is valid for more than {settings.max_lifetime} seconds",
            f"exp: {expires} is over CHAT_JWT_MAX_LIFETIME ({settings.max_lifetime} s) after iat, or after now",
        )


def _time(claims: Mapping[str, object], claim: str) -> float:
    value = claims[claim]
    # bool is a subclass of int.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidClaims(f"the token's {claim} must be a number of seconds")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise InvalidClaims(f"the token's {claim} must be a finite number")
    return seconds


def _check_issuer(claims: Mapping[str, object], issuer: str | None) -> None:
    if issuer is not None and claims.get("iss") != issuer:
        raise InvalidClaims("the token is from another issuer", _difference("iss", shown(issuer), claims))


def _check_audience(claims: Mapping[str, object], audience: str | None) -> None:
    if audience is None:
        return
    found = claims.get("aud")
    # `in` on a list, never on a string: the audience must be equal, not contained.
    if audience not in (found if isinstance(found, list) else [found]):
        raise InvalidClaims("the token is for another audience", _difference("aud", shown(audience), claims))


def _difference(claim: str, expected: str, claims: Mapping[str, object]) -> str:
    found = f"got {shown(claims[claim])}" if claim in claims else "there is none"
    return f"{claim}: expected {expected}, {found}"


def _usable_name(name: object) -> str | None:
    return name if isinstance(name, str) and is_name(name) else None
