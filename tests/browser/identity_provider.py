"""An OpenID Connect provider for the browser tests: authorization code with PKCE, for one user with a cookie."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.browser.http_server import QuietHandler, served_by

Fields = dict[str, str]


class IdentityProvider:
    """A context manager. It signs its user in at the first request that may ask, and remembers the session.

    `issue` returns an access token, which lives `lifetime` seconds as far as the page knows.
    """

    def __init__(self, issue: Callable[[], str], lifetime: int = 3_600) -> None:
        self.issue = issue
        self.lifetime = lifetime
        self.is_waiting = False
        """Whether it asks the user, who does not answer, instead of signing them in, where it may ask."""
        self.is_denying = False
        """Whether it refuses the sign-in."""
        self.is_failing = False
        """Whether it gives no tokens."""
        self.is_refusing_renewal = False
        """Whether refresh tokens are not valid any more."""
        self.authorizations: list[Fields] = []
        self.grants: list[Fields] = []
        self.challenges: dict[str, str] = {}
        self.refresh_token = ""
        self.url = ""
        """The address of the provider, while it runs."""
        self._serving = served_by(type("Handler", (_Handler,), {"provider": self}))

    @property
    def identity(self) -> dict[str, Any]:
        """The identity of a page that signs in here."""
        return {
            "kind": "oidc",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "client_id": "chat-page",
            "scope": "openid",
        }

    def __enter__(self) -> Self:
        self.url = self._serving.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__(None, None, None)


class _Handler(QuietHandler):
    provider: IdentityProvider

    def get(self) -> None:
        """Authorize: redirect back with a code, or with `login_required` where the user cannot be asked."""
        query = _fields(urlsplit(self.path).query)
        if urlsplit(self.path).path != "/authorize":
            self.send_error(404)
            return
        self.provider.authorizations.append(query)
        if self.provider.is_waiting and query.get("prompt") != "none":
            page = b"<!doctype html><title>Provider</title><link rel=icon href=data:,>Who are you?"
            self.answer(200, page, ("Content-Type", "text/html"))
            return
        answer = {"state": query["state"]}
        if self.provider.is_denying:
            answer["error"] = "access_denied"
        elif query.get("prompt") == "none" and "session=yes" not in self.headers.get("Cookie", ""):
            answer["error"] = "login_required"
        else:
            answer["code"] = f"code-{len(self.provider.challenges)}"
            self.provider.challenges[answer["code"]] = query["code_challenge"]
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{urlencode(answer)}")
        if "code" in answer:
            self.send_header("Set-Cookie", "session=yes; HttpOnly; SameSite=Lax")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def post(self) -> None:
        """Give tokens for a code, once and with its verifier, or for a refresh token."""
        fields = _fields(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.provider.grants.append(fields)
        answer: dict[str, Any] = {"error": "invalid_grant"}
        if fields["grant_type"] == "refresh_token":
            is_valid = fields["refresh_token"] == self.provider.refresh_token
            is_valid = is_valid and not self.provider.is_failing and not self.provider.is_refusing_renewal
        else:
            digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            is_valid = self.provider.challenges.pop(fields["code"], None) == challenge
        if is_valid:
            self.provider.refresh_token = f"refresh-{len(self.provider.grants)}"
            answer = {
                "access_token": self.provider.issue(),
                "refresh_token": self.provider.refresh_token,
                "expires_in": self.provider.lifetime,
                "token_type": "Bearer",
            }
        body = json.dumps(answer).encode()
        origin = ("Access-Control-Allow-Origin", self.headers.get("Origin", ""))
        status = 503 if self.provider.is_failing else 200 if is_valid else 400
        self.answer(status, body, origin, ("Content-Type", "application/json"))


def _fields(text: str) -> Fields:
    return {name: values[0] for name, values in parse_qs(text).items()}
