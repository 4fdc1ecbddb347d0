"""The settings of a stage's web page: `web` in its `infra` object."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

HTTPS_URL = r"^https://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~%/-]*)?$"
HTTPS_ORIGIN = r"^https://[a-z0-9.-]+(:[0-9]+)?$"


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebIdentity(_Settings):
    """The identity provider with which the page signs people in: OpenID Connect, authorization code with PKCE."""

    authorization_endpoint: str = Field(pattern=HTTPS_URL)
    token_endpoint: str = Field(pattern=HTTPS_URL)
    client_id: str = Field(min_length=1)
    """The page's client at the provider: a public one, whose redirect URI is the address of the page."""
    scope: str = "openid profile offline_access"
    audience: str = ""
    """The audience of the tokens, for providers that take it as a parameter. Empty: not sent."""


class WebDomain(_Settings):
    """The domain name of the page, in addition to the generated one."""

    name: str = Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$")
    certificate_arn: str = Field(pattern=r"^arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[a-zA-Z0-9-]+$")
    """The certificate of the name, in AWS Certificate Manager in us-east-1, where CloudFront reads it."""


class WebSettings(_Settings):
    """The web page of a stage."""

    identity: WebIdentity
    domain: WebDomain | None = None
    image_origins: list[Annotated[str, Field(pattern=HTTPS_ORIGIN)]] = []
    """Origins from which the page loads avatars, such as `https://images.example.com`; without them: initials."""
    vapid_key: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$")
    """The public key of the product's Web Push. Empty: none."""
