"""Check of the web page of a deployed stage: CloudFront serves this build, this configuration, and the headers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from http import HTTPStatus

from infra.deploy.smoke import RESPONSE_TIMEOUT, Check, CheckFailed
from infra.web.headers import COMPONENT, CONFIG

INDEX = "index.html"
_POLICY = "require-trusted-types-for 'script'"


class PageCheck:
    """The page at `url`, which must consist of the files of a build and name `http_url` as its chat."""

    def __init__(self, url: str, files: Mapping[str, bytes], http_url: str) -> None:
        self._url = url
        self._files = files
        self._http_url = http_url

    def checks(self) -> list[Check]:
        """Return the checks, for `SmokeCheck`."""
        return [
            ("the web page is this build, with its security policy", self._index),
            ("the web page is configured for this stage", self._config),
            ("the web component is this build, and pages of products may load it", self._component),
        ]

    def _index(self) -> None:
        content, headers = self._get("")
        if content != self._files[INDEX]:
            raise CheckFailed("it is another build")
        if _POLICY not in headers.get("Content-Security-Policy", ""):
            raise CheckFailed(f"its Content-Security-Policy lacks {_POLICY}")

    def _config(self) -> None:
        content, _ = self._get(CONFIG)
        try:
            http_url = json.loads(content)["http_url"]
        except (ValueError, TypeError, KeyError):
            raise CheckFailed(f"{CONFIG} does not name the chat") from None
        if http_url != self._http_url:
            raise CheckFailed(f"{CONFIG} names {http_url} instead of {self._http_url}")

    def _component(self) -> None:
        content, headers = self._get(COMPONENT)
        if content != self._files[COMPONENT]:
            raise CheckFailed("it is another build")
        if headers.get("Access-Control-Allow-Origin") != "*":
            raise CheckFailed("it has no Access-Control-Allow-Origin")

    def _get(self, path: str) -> tuple[bytes, Message]:
        """Return a file with its headers. A component is requested as by a page of another origin."""
        request = urllib.request.Request(self._url + path, headers={"Origin": "https://product.example"})  # noqa: S310 — the stack's own URL
        try:
            with urllib.request.urlopen(request, timeout=RESPONSE_TIMEOUT) as response:  # noqa: S310
                return response.read(), response.headers
        except urllib.error.HTTPError as refused:
            with refused:
                raise CheckFailed(f"GET {path or '/'} is {refused.code}, not {HTTPStatus.OK.value}") from None
