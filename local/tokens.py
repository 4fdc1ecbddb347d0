"""Tokens for development: what an identity provider hands out elsewhere, signed with the shared secret."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import jwt

from local.errors import LocalError

DAY = 86_400
# OpenID Connect Core 1.0, section 2: `sub` is at most 255 ASCII characters; here also visible, and at least one.
_PARTICIPANT_ID = re.compile(r"[!-~]{1,255}")
_MAX_NAME_LENGTH = 100


def mint(
    participant_id: str,
    name: str | None = None,
    ttl: int = DAY,
    *,
    secret: str,
    issuer: str | None = None,
    audience: str | None = None,
    now: float | None = None,
) -> str:
    """A JSON Web Token signed with HS256 that says who somebody is.

    `ttl` is in seconds and may be negative, for a token that has expired; `now` is the Unix time of issue, the
    clock's where it is not given. No claim is checked: tests need bad tokens too.
    """
    issued = int(time.time() if now is None else now)
    claims: dict[str, object] = {"sub": participant_id, "iat": issued, "exp": issued + ttl}
    optional = {"name": name, "iss": issuer, "aud": audience}
    claims |= {claim: value for claim, value in optional.items() if value is not None}
    return jwt.encode(claims, secret, algorithm="HS256")


def mint_for(participant_id: str, name: str | None, ttl: int, settings: Mapping[str, str]) -> str:
    """A token that an instance with these settings accepts.

    Raises LocalError where it would not: a participant id or a name that is none, a lifetime of nothing, an
    instance without a secret (one that trusts an identity provider only).
    """
    if not _PARTICIPANT_ID.fullmatch(participant_id):
        raise LocalError(
            "A participant id is 1 to 255 visible ASCII characters (no spaces, no accents), such as alice or"
            f" auth0|5f7c8e; this one is not: {participant_id!r}"
        )
    if name is not None and not (name.strip() and len(name) <= _MAX_NAME_LENGTH):
        raise LocalError(f"A name is 1 to {_MAX_NAME_LENGTH} characters; this one has {len(name.strip())}.")
    if ttl <= 0:
        raise LocalError(f"--ttl is the token's lifetime in seconds, at least 1; it was {ttl}.")
    secret = settings.get("CHAT_JWT_SECRET")
    if not secret:
        raise LocalError(
            "There is no CHAT_JWT_SECRET to sign with, neither in the environment nor in the stage `local` of"
            " .chalice/config.json: tokens come from the identity provider behind CHAT_JWKS_URL then."
        )
    return mint(
        participant_id,
        name,
        ttl,
        secret=secret,
        issuer=settings.get("CHAT_JWT_ISSUER"),
        audience=settings.get("CHAT_JWT_AUDIENCE"),
    )
