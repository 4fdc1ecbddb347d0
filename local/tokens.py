"""Tokens for development, signed with a shared secret, in place of those of an identity provider."""

from __future__ import annotations

import time
from collections.abc import Mapping

import jwt

from chalicelib.core.kernel.text import MAX_NAME_LENGTH, is_name, is_participant_id
from chalicelib.core.model.actors import ParticipantType
from chalicelib.identity.settings import DEFAULT_TYPE_CLAIM
from local.errors import LocalError

DAY = 86_400


def mint(
    participant_id: str,
    name: str | None = None,
    ttl: int = DAY,
    *,
    secret: str,
    issuer: str | None = None,
    audience: str | None = None,
    now: float | None = None,
    further: Mapping[str, str] | None = None,
) -> str:
    """Return a JSON Web Token, signed with HS256, that identifies a participant.

    `ttl` is the lifetime in seconds; a negative one gives an expired token. `now` is the Unix time of issue, by
    default the current time. `further` are other claims, such as that with the participant's type. The claims are
    not validated: tests need invalid tokens too.
    """
    issued = int(time.time() if now is None else now)
    claims: dict[str, object] = {"sub": participant_id, "iat": issued, "exp": issued + ttl}
    optional = {"name": name, "iss": issuer, "aud": audience}
    claims |= {claim: value for claim, value in optional.items() if value is not None}
    claims |= further or {}
    return jwt.encode(claims, secret, algorithm="HS256")


def mint_for(
    participant_id: str,
    name: str | None,
    ttl: int,
    settings: Mapping[str, str],
    participant_type: ParticipantType | None = None,
) -> str:
    """Return a token that an instance with these settings accepts.

    Raises LocalError if the participant id, the name or the lifetime is invalid, or if the instance has no secret
    because it only accepts tokens of an identity provider.
    """
    if not is_participant_id(participant_id):
        raise LocalError(
            "A participant id is 1 to 255 visible ASCII characters (no spaces, no accents), such as alice or"
            f" auth0|5f7c8e, not {participant_id!r}."
        )
    if name is not None and not is_name(name):
        raise LocalError(
            f"A name must be 1 to {MAX_NAME_LENGTH} characters long, without control characters; this one has"
            f" {len(name.strip())}."
        )
    claim = settings.get("CHAT_JWT_TYPE_CLAIM") or DEFAULT_TYPE_CLAIM
    return _signed(
        participant_id, name, ttl, settings, {} if participant_type is None else {claim: participant_type}
    )


def mint_for_service(client_id: str | None, ttl: int, settings: Mapping[str, str]) -> str:
    """Return the token of a service of an instance with these settings; by default that of its first client.

    Raises LocalError if there are no services, or if the client is none of them.
    """
    clients = [client.strip() for client in (settings.get("CHAT_SERVICE_CLIENTS") or "").split(",")]
    scope = settings.get("CHAT_SERVICE_SCOPE")
    if not scope:
        raise LocalError("This instance has no services: set CHAT_SERVICE_SCOPE and CHAT_SERVICE_CLIENTS.")
    client_id = client_id or clients[0]
    if client_id not in clients:
        raise LocalError(f"{client_id!r} is not in CHAT_SERVICE_CLIENTS ({', '.join(clients)}).")
    return _signed(client_id, None, ttl, settings, {"client_id": client_id, "scope": scope})


def _signed(
    subject: str, name: str | None, ttl: int, settings: Mapping[str, str], further: Mapping[str, str]
) -> str:
    if ttl <= 0:
        raise LocalError(f"--ttl must be a lifetime of at least 1 second, not {ttl}.")
    secret = settings.get("CHAT_JWT_SECRET")
    if not secret:
        raise LocalError(
            "CHAT_JWT_SECRET, which signs tokens, is set neither in the environment nor in stage `local` of"
            " .chalice/config.json: get tokens from the identity provider of CHAT_JWKS_URL."
        )
    return mint(
        subject,
        name,
        ttl,
        secret=secret,
        issuer=settings.get("CHAT_JWT_ISSUER"),
        audience=settings.get("CHAT_JWT_AUDIENCE"),
        further=further,
    )
