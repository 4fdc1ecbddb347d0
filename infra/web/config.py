"""`config.json`, which tells the page where its chat is and how people sign in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.web.headers import content_security_policy
from infra.web.settings import WebIdentity


@dataclass(frozen=True, slots=True)
class PageConfig:
    """The configuration of a page; `identity` is that of `development_identity` or `oidc_identity`."""

    http_url: str
    ws_url: str
    identity: Mapping[str, Any]
    image_origins: Sequence[str] = ()
    """Origins from which the page may load avatars; without them, it shows initials."""
    vapid_key: str | None = None
    """The public key of the product's Web Push, if it has one."""

    def to_json(self) -> dict[str, Any]:
        """Return the content of `config.json`."""
        return {
            "http_url": self.http_url,
            "ws_url": self.ws_url,
            "identity": dict(self.identity),
            "image_origins": list(self.image_origins),
            "vapid_key": self.vapid_key,
        }

    def content_security_policy(self) -> str:
        """Return the policy that permits what the page needs."""
        endpoints = [self.identity[name] for name in ("token_endpoint",) if name in self.identity]
        return content_security_policy([self.http_url, self.ws_url, *endpoints], self.image_origins)


def oidc_identity(identity: WebIdentity) -> dict[str, Any]:
    """Return the identity of a deployed chat, whose page signs in at an OpenID Connect provider."""
    given = identity.model_dump()
    return {"kind": "oidc", **{name: value for name, value in given.items() if value}}


def development_identity(names: Mapping[str, str]) -> dict[str, Any]:
    """Return the identity of a local chat, whose page signs in as any of these participants (name by id)."""
    participants = [{"participant_id": participant_id, "name": name} for participant_id, name in names.items()]
    return {"kind": "development", "participants": participants}
