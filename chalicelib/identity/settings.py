"""The settings of token verification."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.identity.jwks_url import validate_jwks_url

MIN_SECRET_BYTES = 32  # RFC 7518 section 3.2: at least the size of the hash output
MAX_LEEWAY = 300
DEFAULT_TYPE_CLAIM = "participant_type"
MIN_KEY_AGE, MAX_KEY_AGE = 60, 24 * 3600
_KEY_MARKS = ("-----BEGIN", "ssh-rsa ", "ecdsa-sha2-", "ssh-ed25519 ", '"kty"')


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """The settings of token verification.

    Raises `ValueError` if they are invalid; the message names the environment variable and what to set.
    `leeway` is in seconds, for both `exp` and `nbf`.
    """

    secret: str | None = field(repr=False)
    jwks_url: str | None
    issuer: str | None
    audience: str | None
    leeway: int = 30
    secret_parameter: str | None = None
    """The name of the parameter with the secret, which is read when a token first needs it."""
    max_lifetime: int = 30 * 24 * 3600
    """For how many seconds a token may be valid: a revocation is kept for that time."""
    max_age: int = 3600
    """After how many seconds keys, or the secret of the parameter, are read again before they are used."""
    grace: int = 3600
    """For how many seconds longer they are used if they cannot be read."""
    type_claim: str = DEFAULT_TYPE_CLAIM
    """The claim with the type of the participant: `agent`, or any other value for a person."""
    service_scope: str | None = None
    """The scope of the tokens of services; None: there are no services."""
    service_clients: tuple[str, ...] = ()
    """The client ids of services."""
    prefix: str = "CHAT_"
    """With which the variables of the first five settings begin."""
    second: IdentitySettings | None = None
    """A second issuer, whose tokens are accepted as well while keys are rotated."""

    def __post_init__(self) -> None:
        prefix = self.prefix
        if self.secret is None and self.secret_parameter is None and self.jwks_url is None:
            raise ValueError(
                f"no token could be verified: set {prefix}JWKS_URL to the key set of your identity provider,"
                f" or {prefix}JWT_SECRET to a secret of at least 32 bytes (for development)"
            )
        if self.secret is not None and self.secret_parameter is not None:
            raise ValueError(f"set {prefix}JWT_SECRET or {prefix}JWT_SECRET_PARAMETER, not both")
        if self.secret is not None:
            check_secret(self.secret, f"{prefix}JWT_SECRET")
        if self.jwks_url is not None:
            _check_jwks_url(f"{prefix}JWKS_URL", self.jwks_url)
        _check_not_blank(f"{prefix}JWT_ISSUER", self.issuer)
        _check_not_blank(f"{prefix}JWT_AUDIENCE", self.audience)
        _check_not_blank("CHAT_JWT_TYPE_CLAIM", self.type_claim)
        if self.service_scope is not None or self.service_clients:
            from chalicelib.identity.services import check_services

            check_services(self.service_scope, self.service_clients)
        if not 0 <= self.leeway <= MAX_LEEWAY:
            raise ValueError(f"CHAT_JWT_LEEWAY must be 0 to {MAX_LEEWAY} seconds, not {self.leeway}")
        if self.max_lifetime < 1:
            raise ValueError(f"CHAT_JWT_MAX_LIFETIME must be at least 1 second, not {self.max_lifetime}")
        if not MIN_KEY_AGE <= self.max_age <= MAX_KEY_AGE:
            raise ValueError(
                f"CHAT_JWKS_MAX_AGE must be {MIN_KEY_AGE} to {MAX_KEY_AGE} seconds, not {self.max_age}"
            )
        if not 0 <= self.grace <= MAX_KEY_AGE:
            raise ValueError(f"CHAT_JWKS_GRACE must be 0 to {MAX_KEY_AGE} seconds, not {self.grace}")


def check_secret(secret: str, variable: str = "CHAT_JWT_SECRET") -> None:
    """Raise `ValueError` if the secret is too short, or is a public or private key."""
    try:
        size = len(secret.encode("utf-8"))
    except UnicodeEncodeError:
        # The original error contains the secret.
        raise ValueError(f"{variable} is not valid UTF-8") from None
    if size < MIN_SECRET_BYTES:
        raise ValueError(f"{variable} has {size} bytes: HS256 needs at least {MIN_SECRET_BYTES} bytes")
    if any(mark in secret for mark in _KEY_MARKS):
        raise ValueError(
            f"{variable} is a private or public key: anyone who has the public key could sign tokens with it."
            " Publish it as a key set, and set its URL instead"
        )


def _check_jwks_url(variable: str, url: str) -> None:
    try:
        validate_jwks_url(url)
    except ValueError as exc:
        raise ValueError(f"{variable}: {exc}") from None


def _check_not_blank(variable: str, value: str | None) -> None:
    # A blank value would either disable the check or reject every token.
    if value is not None and not value.strip():
        raise ValueError(f"{variable} is blank: give it a value, or do not set it")
